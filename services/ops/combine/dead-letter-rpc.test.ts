import { randomUUID } from 'node:crypto';
import { type CallOptions, type Client, Status } from 'nice-grpc';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type DeadLetter, type DeadLetterServiceDefinition, DeadLetterSource } from '#gen/ops/v1/ops.ts';
import { uuidv7 } from '#mesh';
import { type DeadlineOptions, describeServicesOnEachDatabase, eventually, type TestMesh } from '#mesh/testing';
import { type StuckMesh, startStuckMesh } from '../testing/stuck-mesh.ts';
import type { StuckService } from '../testing/stuck-service.ts';

describeServicesOnEachDatabase('DeadLetterService', (settings) => {
  let mesh: TestMesh;
  let stuck: StuckService;
  let deadLetters: Client<DeadLetterServiceDefinition>;
  let parkedSaga: StuckMesh['parkedSaga'];

  beforeEach(async () => {
    ({ mesh, stuck, deadLetters, parkedSaga } = await startStuckMesh(settings()));
  });
  afterEach(() => mesh.stop());

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
