import { expect, it } from 'vitest';
import type { Caller } from '../../identity/caller.ts';
import { currentScope, runInScope } from '../../telemetry/call-scope.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import {
  begin,
  closeAfterEach,
  createGate,
  openTestStorage,
  reaches,
  refuses,
  startEngine,
} from '../testing/test-engine.ts';
import { createTestSaga, type TestSaga } from '../testing/test-saga.ts';

const alice: Caller = { service: undefined, subject: 'alice', roles: ['user', 'gold'], expiresMs: 1 };
// Without roles: alice may have lost them when a step runs.
const forAlice = { service: 'test', subject: 'alice', roles: [] };

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const callOf = (caller: Caller | undefined) => ({
  requestId: 'r',
  traceparent,
  deadlineMs: undefined,
  signal: undefined,
  caller,
});

/** Notes for whom each call of a saga is made. */
function noteCallers(saga: TestSaga, calls: readonly string[]): (Caller | undefined)[] {
  const callers: (Caller | undefined)[] = [];
  for (const call of calls) saga.onCall(call, async () => void callers.push(currentScope()?.caller));
  return callers;
}

describeOnEachDatabase((newUrl) => {
  closeAfterEach();

  it('is made by its service on behalf of the user who began it, to its end and back', async () => {
    const storage = await openTestStorage(newUrl());
    const saga = createTestSaga();
    const callers = noteCallers(saga, ['run reserve', 'undo charge', 'undo reserve']);
    saga.onCall('run ship', refuses);
    const engine = await startEngine(storage, saga);
    await runInScope(callOf(alice), () => begin(storage, engine, saga));
    await reaches(engine, 'compensated');
    expect(callers).toEqual([forAlice, forAlice, forAlice]);
  });

  it('is made so by another instance too, after the first has ended', async () => {
    const storage = await openTestStorage(newUrl());
    const saga = createTestSaga();
    const gate = createGate();
    saga.onCall('run charge', gate.behaviour);
    const first = await startEngine(storage, saga, { owner: 'first' });
    await runInScope(callOf(alice), () => begin(storage, first, saga));
    await gate.reached;
    await first.stop(0);
    const callers = noteCallers(saga, ['run charge', 'run ship']);
    const second = await startEngine(storage, saga, { owner: 'second' });
    await reaches(second, 'completed');
    expect(callers).toEqual([forAlice, forAlice]);
  });

  it.each([
    ['a service', { service: 'order', subject: undefined, roles: [] }],
    ['nobody that is known', undefined],
  ])('is made by its service alone if it was begun by %s', async (_kind, caller) => {
    const storage = await openTestStorage(newUrl());
    const saga = createTestSaga();
    const callers = noteCallers(saga, ['run reserve', 'run charge']);
    const engine = await startEngine(storage, saga);
    await runInScope(callOf(caller), () => begin(storage, engine, saga));
    await reaches(engine, 'completed');
    expect(callers).toEqual([undefined, undefined]);
  });
});
