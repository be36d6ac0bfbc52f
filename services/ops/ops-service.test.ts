import { randomUUID } from 'node:crypto';
import { type CallOptions, type Client, Status } from 'nice-grpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DeadLetterServiceContract, SagaServiceContract } from '#gen/ops/v1/ops.contract.ts';
import {
  type DeadLetter,
  type DeadLetterServiceDefinition,
  DeadLetterSource,
  ResolveOutcome,
  type SagaServiceDefinition,
  SagaState,
  SagaStepState,
} from '#gen/ops/v1/ops.ts';
import { uuidv7 } from '#mesh';
import {
  type DeadlineOptions,
  describeServicesOnEachDatabase,
  eventually,
  startMesh,
  type TestMesh,
} from '#mesh/testing';
import { opsService } from './service.ts';
import { createStuckService, type StuckService } from './testing/stuck-service.ts';

describeServicesOnEachDatabase('the ops service', (settings) => {
  let mesh: TestMesh;
  let stuck: StuckService;
  let sagas: Client<SagaServiceDefinition>;
  let deadLetters: Client<DeadLetterServiceDefinition>;

  beforeEach(async () => {
    stuck = createStuckService();
    mesh = await startMesh([stuck.definition, opsService], newDatabases(settings()));
    sagas = mesh.runtime.client(SagaServiceContract);
    deadLetters = mesh.runtime.client(DeadLetterServiceContract);
  });

  afterEach(() => mesh.stop());

  async function parkedSaga(): Promise<string> {
    const id = uuidv7();
    await stuck.beginSaga(id);
    await eventually(async () => {
      expect((await sagas.getSaga({ name: { $case: 'id', value: id } })).state).toBe(
        SagaState.SAGA_STATE_NEEDS_ATTENTION,
      );
    });
    return id;
  }

  async function deadTask(): Promise<DeadLetter> {
    const id = uuidv7();
    await mesh.runtime.tasks.enqueue('jobs', [{ id, payload: Buffer.from('hello'), headers: { to: 'bob' } }]);
    return await eventually(async () => {
      const found = await list({ source: DeadLetterSource.DEAD_LETTER_SOURCE_TASK });
      return found.find((deadLetter) => deadLetter.subjectId === id) ?? expect.fail('no dead letter yet');
    });
  }

  const list = (filter: { source?: DeadLetterSource; origin?: string; reason?: string } = {}) =>
    Array.fromAsync(deadLetters.listDeadLetters({ filter }));
  const idsOf = (listed: readonly { readonly id: string }[]) => listed.map(({ id }) => id);

  describe('SagaService', () => {
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
        expect((await sagas.getSaga({ name: { $case: 'id', value: id } })).state).toBe(
          SagaState.SAGA_STATE_COMPENSATED,
        );
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

  describe('DeadLetterService', () => {
    it('lists dead events, tasks and sagas together in id order', async () => {
      const event = await stuck.addDeadEvent('order-1');
      const saga = await parkedSaga();
      const task = await deadTask();
      const lastEvent = await stuck.addDeadEvent('order-2', 'user.events/stuck');
      expect(idsOf(await list())).toEqual([event, saga, task.id, lastEvent]);
      expect(idsOf(await list({ source: DeadLetterSource.DEAD_LETTER_SOURCE_SAGA, reason: 'UNDO_REFUSED' }))).toEqual([
        saga,
      ]);
      expect(idsOf(await list({ origin: 'user.events/stuck' }))).toEqual([lastEvent]);
      expect(idsOf(await list({ reason: 'ATTEMPTS_EXHAUSTED' }))).toEqual([task.id]);
      const page = deadLetters.listDeadLetters({ afterId: event, limit: 2 });
      expect(idsOf(await Array.fromAsync(page))).toEqual([saga, task.id]);
    });

    it('returns everything about what failed', async () => {
      const { id, subjectId } = await deadTask();
      const deadLetter = await deadLetters.getDeadLetter({ id });
      expect(deadLetter).toMatchObject({
        source: DeadLetterSource.DEAD_LETTER_SOURCE_TASK,
        origin: 'jobs',
        reason: 'ATTEMPTS_EXHAUSTED',
        error: 'the mail server is away',
        attempts: 1,
        headers: { to: 'bob' },
        subjectId,
      });
      expect(Buffer.from(deadLetter.payload).toString()).toBe('hello');
      expect(deadLetter.firstTime).toBeInstanceOf(Date);
      const missing = deadLetters.getDeadLetter({ id: 'none' });
      await expect(missing).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'UNKNOWN_DEAD_LETTER' });
    });

    it('returns a parked saga with its view', async () => {
      const id = await parkedSaga();
      const deadLetter = await deadLetters.getDeadLetter({ id });
      expect(deadLetter).toMatchObject({ origin: 'ship-it', attempts: 1, subjectId: id });
      expect(deadLetter.error).toContain('the refund was refused');
      expect(JSON.parse(Buffer.from(deadLetter.payload).toString())).toMatchObject({ id, state: 'needs-attention' });
    });

    it('redrives by id from every source, once for each request id', async () => {
      const [event, saga, task] = [await stuck.addDeadEvent('order-1'), await parkedSaga(), await deadTask()];
      stuck.healed = true;
      const request = { requestId: randomUUID(), ids: [event, 'none', saga, task.id, event] };
      const answer = await deadLetters.redriveDeadLetters(request);
      expect(answer).toEqual({ redrivenIds: [event, saga, task.id], missingIds: ['none'], failures: [], leftIds: [] });
      await eventually(() => expect(stuck.doneTasks).toEqual([task.subjectId]));
      expect(stuck.handledEvents).toEqual(['order-1']);
      expect(await list()).toEqual([]);
      expect(await deadLetters.redriveDeadLetters(request)).toEqual(answer);
      expect(stuck.handledEvents).toEqual(['order-1']);
    });

    it('redrives by filter', async () => {
      const mine = [await stuck.addDeadEvent('order-1'), await stuck.addDeadEvent('order-2')];
      const other = await stuck.addDeadEvent('user-1', 'user.events/stuck');
      stuck.healed = true;
      const filter = { origin: 'order.events/stuck' };
      const plan = await deadLetters.redriveDeadLetters({ filter, dryRun: true });
      expect(plan).toEqual({ redrivenIds: mine, missingIds: [], failures: [], leftIds: [] });
      expect(stuck.handledEvents).toEqual([]);
      expect(await deadLetters.redriveDeadLetters({ filter })).toEqual(plan);
      expect(stuck.handledEvents).toEqual(['order-1', 'order-2']);
      expect(idsOf(await list())).toEqual([other]);
    });

    it('keeps a dead letter that fails again, with the new error, and redrives the others', async () => {
      const event = await stuck.addDeadEvent('order-1');
      const task = await deadTask();
      const { redrivenIds, failures } = await deadLetters.redriveDeadLetters({ ids: [event, task.id] });
      expect(redrivenIds).toEqual([task.id]);
      expect(failures).toMatchObject([{ id: event, reason: 'HANDLER_FAILED' }]);
      expect(await deadLetters.getDeadLetter({ id: event })).toMatchObject({ error: 'still no template', attempts: 6 });
    });

    it('redrives at a bounded rate within the deadline of the call, and lists the rest', async () => {
      stuck.healed = true;
      const ids = await Promise.all(Array.from({ length: 180 }, (_, index) => stuck.addDeadEvent(`order-${index}`)));
      const startMs = performance.now();
      const inTime: CallOptions & DeadlineOptions = { deadline: Date.now() + 2_000 };
      const first = await deadLetters.redriveDeadLetters({ ids }, inTime);
      expect([...first.redrivenIds, ...first.leftIds]).toEqual(ids);
      expect(first.redrivenIds.length).toBeGreaterThan(0);
      expect(first.leftIds.length).toBeGreaterThanOrEqual(ids.length - 151);
      expect(idsOf(await list())).toEqual(first.leftIds.toSorted());
      // On a slow machine, not even the rest is redriven within one deadline.
      for (let left = first.leftIds; left.length > 0; ) {
        const { redrivenIds, leftIds, ...others } = await deadLetters.redriveDeadLetters({ ids: left });
        expect([...redrivenIds, ...leftIds]).toEqual(left);
        expect(others).toEqual({ missingIds: [], failures: [] });
        left = leftIds;
      }
      expect(performance.now() - startMs).toBeGreaterThanOrEqual((ids.length - 1) * 10 - 5);
      expect(stuck.handledEvents).toHaveLength(ids.length);
    });

    it('refuses to redrive without ids or filter, or with both', async () => {
      const refused = { code: Status.INVALID_ARGUMENT, violations: [{ field: 'ids' }] };
      await expect(deadLetters.redriveDeadLetters({})).rejects.toMatchObject(refused);
      await expect(deadLetters.redriveDeadLetters({ ids: ['a'], filter: {} })).rejects.toMatchObject(refused);
    });

    it('discards with a note, but refuses sagas, which an operator must resolve', async () => {
      const [event, saga] = [await stuck.addDeadEvent('order-1'), await parkedSaga()];
      const answer = await deadLetters.discardDeadLetters({ ids: [event, saga, 'none'], note: 'a test order' });
      expect(answer).toMatchObject({ discardedIds: [event], missingIds: ['none'] });
      expect(answer.failures).toMatchObject([{ id: saga, reason: 'SAGA_NEEDS_RESOLVE' }]);
      expect(answer.failures[0]?.message).toContain('ResolveSaga');
      expect(idsOf(await list())).toEqual([saga]);
      const withoutNote = deadLetters.discardDeadLetters({ ids: [event] });
      await expect(withoutNote).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        violations: [{ field: 'note' }],
      });
    });
  });
});

/** A list shows everything in the database, so each test has its own. PostgreSQL truncates names after 63 characters. */
function newDatabases({ DATABASE_URL: url }: Record<string, string>): Record<string, string> {
  return url === undefined ? {} : { DATABASE_URL: url.replace(/[^/]*<service>/, `${randomUUID()}-<service>`) };
}
