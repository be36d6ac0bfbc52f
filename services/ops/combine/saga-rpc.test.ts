import { randomUUID } from 'node:crypto';
import { type Client, Status } from 'nice-grpc';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ResolveOutcome, type SagaServiceDefinition, SagaState, SagaStepState } from '#gen/ops/v1/ops.ts';
import { describeServicesOnEachDatabase, eventually, type TestMesh } from '#mesh/testing';
import { type StuckMesh, startStuckMesh } from '../testing/stuck-mesh.ts';
import type { StuckService } from '../testing/stuck-service.ts';

describeServicesOnEachDatabase('SagaService', (settings) => {
  let mesh: TestMesh;
  let stuck: StuckService;
  let sagas: Client<SagaServiceDefinition>;
  let parkedSaga: StuckMesh['parkedSaga'];

  beforeEach(async () => {
    ({ mesh, stuck, sagas, parkedSaga } = await startStuckMesh(settings()));
  });
  afterEach(() => mesh.stop());

  const idsOf = (listed: readonly { readonly id: string }[]) => listed.map(({ id }) => id);

  it('lists sagas in id order, by state and after an id', async () => {
    const ids = [await parkedSaga(), await parkedSaga(), await parkedSaga()];
    expect(idsOf(await Array.fromAsync(sagas.listSagas({})))).toEqual(ids);
    expect(idsOf(await Array.fromAsync(sagas.listSagas({ limit: 2 })))).toEqual(ids.slice(0, 2));
    expect(idsOf(await Array.fromAsync(sagas.listSagas({ afterId: ids[1] ?? '' })))).toEqual(ids.slice(2));
    expect(idsOf(await Array.fromAsync(sagas.listSagas({ failing: true })))).toEqual(ids);
    const completed = sagas.listSagas({ state: SagaState.SAGA_STATE_COMPLETED });
    expect(await Array.fromAsync(completed)).toEqual([]);
  });

  it('returns a saga with its steps, by its own id or by its order', async () => {
    const id = await parkedSaga();
    const saga = await sagas.getSaga({ name: { $case: 'orderId', value: id } });
    expect(saga).toMatchObject({ id, name: 'ship-it', definitionVersion: 1, failureReason: 'REFUSED' });
    expect(saga.steps).toMatchObject([
      { name: 'charge', state: SagaStepState.SAGA_STEP_STATE_STUCK, attempts: 1, undoAttempts: 1 },
      { name: 'ship', state: SagaStepState.SAGA_STEP_STATE_REFUSED, attempts: 1, undoAttempts: 0 },
    ]);
    expect(saga.steps[0]?.startTime).toBeInstanceOf(Date);
    expect(saga.steps[1]?.undoStartTime).toBeUndefined();
  });

  it('returns NOT_FOUND for an unknown saga', async () => {
    const missing = { code: Status.NOT_FOUND, reason: 'UNKNOWN_SAGA' };
    await expect(sagas.getSaga({ name: { $case: 'id', value: 'none' } })).rejects.toMatchObject(missing);
    await expect(sagas.getSaga({ name: { $case: 'orderId', value: 'none' } })).rejects.toMatchObject(missing);
    await expect(sagas.retrySaga({ id: 'none', note: '' })).rejects.toMatchObject(missing);
  });

  it('resumes a saga that an operator retries, once for each request id', async () => {
    const id = await parkedSaga();
    stuck.healed = true;
    const request = { requestId: randomUUID(), id, note: 'the bank is back' };
    const first = await sagas.retrySaga(request);
    expect(first).toMatchObject({ state: SagaState.SAGA_STATE_COMPENSATING, notes: ['the bank is back'] });
    await eventually(async () => {
      expect((await sagas.getSaga({ name: { $case: 'id', value: id } })).state).toBe(SagaState.SAGA_STATE_COMPENSATED);
    });
    expect(await sagas.retrySaga(request)).toEqual(first);
    const other = sagas.retrySaga({ ...request, note: 'another' });
    await expect(other).rejects.toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'REQUEST_ID_REUSED' });
    const late = sagas.retrySaga({ ...request, requestId: randomUUID() });
    await expect(late).rejects.toMatchObject({ code: Status.FAILED_PRECONDITION, reason: 'SAGA_NOT_PARKED' });
  });

  it('ends a saga when an operator resolves its stuck step', async () => {
    const id = await parkedSaga();
    const resolution = {
      id,
      step: 'charge',
      outcome: ResolveOutcome.RESOLVE_OUTCOME_UNDONE,
      note: 'paid back by hand',
    };
    const wrongStep = sagas.resolveSaga({ ...resolution, step: 'ship' });
    await expect(wrongStep).rejects.toMatchObject({ code: Status.FAILED_PRECONDITION, reason: 'STEP_NOT_STUCK' });
    await sagas.resolveSaga(resolution);
    await eventually(async () => {
      const saga = await sagas.getSaga({ name: { $case: 'id', value: id } });
      expect(saga.state).toBe(SagaState.SAGA_STATE_COMPENSATED);
      expect(saga.notes.join()).toContain('paid back by hand');
    });
  });
});
