import { describe, expect, it } from 'vitest';
import type { Storage } from '../../storage/storage.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock, type TestClock } from '../../testing/test-clock.ts';
import type { Clock } from '../../time/clock.ts';
import type { SagaEngine } from '../engine.ts';
import { begin, closeAfterEach, createGate, getsLost, openTestStorage, startEngine } from '../testing/test-engine.ts';
import { type Behaviour, createTestSaga, type TestSaga } from '../testing/test-saga.ts';

/** How long a step takes; the clock advances with the steps, no matter how fast the machine is. */
const stepMs = 10;

/** Hundreds of sagas are thousands of commits, which a busy machine may take long for. */
const patience = { timeoutMs: 60_000, intervalMs: 50 };

describeOnEachDatabase((newUrl) => {
  closeAfterEach();

  /** A saga that takes at most a tenth of its time limit if four are driven at a time. */
  function createSlowSaga(clock: TestClock): TestSaga {
    const saga = createTestSaga({ timeoutMs: 2_000 });
    const slow = async () => clock.advance(stepMs);
    for (const { name } of saga.definition.steps) saga.onCall(`run ${name}`, ...Array(2_000).fill(slow));
    return saga;
  }

  async function statesOf(engine: SagaEngine): Promise<Record<string, number>> {
    const states = await Array.fromAsync(engine.list({}, ''), ({ state }) => state);
    return Object.fromEntries(
      Map.groupBy(states, (state) => state)
        .entries()
        .map(([state, all]) => [state, all.length]),
    );
  }

  /** How many places before its turn each saga was driven. */
  function placesGained(saga: TestSaga, begun: readonly string[]): number[] {
    const first = new Map<string, number>();
    for (const { sagaId } of saga.contexts) if (!first.has(sagaId)) first.set(sagaId, first.size);
    return begun.map((id, at) => at - (first.get(id) ?? Number.NEGATIVE_INFINITY));
  }

  /** Begins sagas a millisecond apart, and waits until the first is called. */
  async function beginInTurn(
    storage: Storage,
    engine: SagaEngine,
    saga: TestSaga,
    clock: TestClock,
    ids: readonly string[],
  ): Promise<void> {
    for (const id of ids) {
      await begin(storage, engine, saga, id);
      clock.advance(1);
    }
    await eventually(() => expect(saga.calls).toHaveLength(1));
  }

  describe('a backlog', () => {
    it('is served first come, first served, even while others begin, and waiting does not use up time', async () => {
      const count = 300;
      const clock = createTestClock();
      const saga = createSlowSaga(clock);
      const storage = await openTestStorage(newUrl());
      const engine = await startEngine(storage, saga, { clock, maxConcurrent: 4 });
      const begun: string[] = [];
      const next = async () => {
        while (begun.length < count) {
          const id = `saga-${begun.length}`;
          begun.push(id);
          clock.advance(1);
          await begin(storage, engine, saga, id);
        }
      };
      const startMs = clock.now();
      await Promise.all(Array.from({ length: 16 }, next));
      await eventually(async () => expect(await statesOf(engine)).toEqual({ completed: count }), patience);
      // The last ones waited for longer than their time limit.
      expect(clock.now() - startMs).toBeGreaterThan(5_000);
      expect(Math.max(...placesGained(saga, begun))).toBeLessThanOrEqual(32);
    }, 90_000);

    it('survives a stop that is longer than the time limit of a saga', async () => {
      const count = 100;
      const clock = createTestClock();
      const saga = createSlowSaga(clock);
      const storage = await openTestStorage(newUrl());
      const first = await startEngine(storage, saga, { clock, maxConcurrent: 4 });
      const ids = Array.from({ length: count }, (_, index) => `saga-${index}`);
      await Promise.all(ids.map((id) => begin(storage, first, saga, id)));
      await eventually(() => expect(saga.calls).toContain('run ship'));
      await first.stop(0);
      clock.advance(3_600_000);
      const second = await startEngine(storage, saga, { clock, maxConcurrent: 4 });
      await eventually(async () => expect(await statesOf(second)).toEqual({ completed: count }), patience);
    }, 90_000);

    it('continues after a stop with the sagas that were driven then', async () => {
      const clock = createTestClock();
      const saga = createTestSaga({ steps: [{ name: 'only' }] });
      const gate = createGate();
      saga.onCall('run only', gate.behaviour, gate.behaviour);
      const storage = await openTestStorage(newUrl());
      const first = await startEngine(storage, saga, { clock, maxConcurrent: 2 });
      const ids = ['a', 'b', 'c', 'd'];
      for (const id of ids) {
        await begin(storage, first, saga, id);
        clock.advance(1);
      }
      await eventually(() => expect(saga.calls).toHaveLength(2));
      await first.stop(0);
      clock.advance(60_000);
      const second = await startEngine(storage, saga, { clock, maxConcurrent: 1 });
      await eventually(async () => expect(await statesOf(second)).toEqual({ completed: 4 }));
      expect(saga.contexts.slice(2).map(({ sagaId }) => sagaId)).toEqual(ids);
    });

    it('does not overtake a saga that waited for its next attempt', async () => {
      const clock = createTestClock();
      const saga = createTestSaga({ steps: [{ name: 'only' }] });
      const [failing, between] = [createGate(), createGate()];
      const fails: Behaviour = async (context) => {
        await failing.behaviour(context);
        await getsLost(context);
      };
      saga.onCall('run only', fails, between.behaviour);
      const storage = await openTestStorage(newUrl());
      const engine = await startEngine(storage, saga, { clock, maxConcurrent: 1 });
      await beginInTurn(storage, engine, saga, clock, ['a', 'b', 'c', 'd']);
      failing.open();
      await between.reached;
      clock.advance(1_000);
      between.open();
      await eventually(async () => expect(await statesOf(engine)).toEqual({ completed: 4 }));
      expect(saga.contexts.map(({ sagaId }) => sagaId)).toEqual(['a', 'b', 'a', 'c', 'd']);
    });

    it('does not overtake a saga whose process died', async () => {
      const storage = { ...(await openTestStorage(newUrl())), exclusive: false };
      const clock = createTestClock();
      const [dead, saga] = [
        createTestSaga({ steps: [{ name: 'only' }] }),
        createTestSaga({ steps: [{ name: 'only' }] }),
      ];
      const [forGood, between] = [createGate(), createGate()];
      dead.onCall('run only', forGood.behaviour);
      saga.onCall('run only', between.behaviour);
      const silent: Clock = { ...clock, after: () => () => undefined };
      const killed = await startEngine({ ...storage, listen: () => () => undefined }, dead, {
        clock: silent,
        leaseMs: 2_000,
        maxConcurrent: 1,
      });
      await beginInTurn(storage, killed, dead, clock, ['a', 'b', 'c', 'd']);
      const engine = await startEngine(storage, saga, { clock, leaseMs: 2_000, maxConcurrent: 1 });
      await between.reached;
      clock.advance(3_000);
      between.open();
      await eventually(async () => expect(await statesOf(engine)).toEqual({ completed: 4 }));
      expect(saga.contexts.map(({ sagaId }) => sagaId)).toEqual(['b', 'a', 'c', 'd']);
      forGood.open();
    });

    it('has a limit that grows with the number of processes', async () => {
      const shared = { ...(await openTestStorage(newUrl())), exclusive: false };
      const gate = createGate();
      const limits: number[] = [];
      for (const id of ['a', 'b', 'c']) {
        const saga = createTestSaga({ steps: [{ name: 'only' }] });
        saga.onCall('run only', gate.behaviour);
        // One slot each, so no engine takes the saga of another.
        const engine = await startEngine(shared, saga, { maxConcurrent: 1 });
        await begin(shared, engine, saga, id);
        await eventually(() => expect(saga.calls).toEqual(['run only']));
        limits.push((await engine.backlog()).limit);
      }
      expect(limits).toEqual([15_000, 30_000, 45_000]);
      gate.open();
    });

    it('is picked up immediately by another process with free slots', async () => {
      const storage = { ...(await openTestStorage(newUrl())), exclusive: false };
      const clock = createTestClock();
      const gate = createGate();
      const [busy, free] = [
        createTestSaga({ steps: [{ name: 'only' }] }),
        createTestSaga({ steps: [{ name: 'only' }] }),
      ];
      busy.onCall('run only', gate.behaviour);
      const first = await startEngine(storage, busy, { clock, maxConcurrent: 1 });
      await begin(storage, first, busy, 'a');
      await gate.reached;
      await startEngine(storage, free, { clock });
      await begin(storage, first, busy, 'b');
      await eventually(() => expect(free.contexts.map(({ sagaId }) => sagaId)).toEqual(['b']));
      gate.open();
    });

    it('exceeds its limit while it cannot be finished in time', async () => {
      const saga = createTestSaga({ steps: [{ name: 'only' }] });
      const storage = await openTestStorage(newUrl());
      const gates = Array.from({ length: 30 }, createGate);
      saga.onCall('run only', ...gates.map(({ behaviour }) => behaviour));
      // 25, at the initially assumed rate of 50 per second.
      const engine = await startEngine(storage, saga, { maxConcurrent: 2, maxBacklogMs: 500 });
      const ids = Array.from({ length: 30 }, (_, index) => `saga-${index}`);
      for (const id of ids.slice(0, 24)) await begin(storage, engine, saga, id);
      expect(await engine.backlog()).toMatchObject({ unfinished: 24, limit: 25, retryAfterMs: 0 });
      for (const id of ids.slice(24)) await begin(storage, engine, saga, id);
      expect(await engine.backlog()).toMatchObject({ unfinished: 30, limit: 25, retryAfterMs: 1_000 });
      const restarted = await startEngine(storage, saga, { definitions: [], maxBacklogMs: 500 });
      expect(await restarted.backlog()).toMatchObject({ unfinished: 30, limit: 25 });
      for (const gate of gates) gate.open();
      await eventually(async () => expect(await engine.backlog()).toMatchObject({ unfinished: 0, retryAfterMs: 0 }));
      await eventually(async () => expect(await restarted.backlog()).toMatchObject({ unfinished: 0, oldestWaitMs: 0 }));
    });
  });
});
