import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import type { Storage } from '../../storage/storage.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock, type TestClock } from '../../testing/test-clock.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import { begin, closeAfterEach, createGate, openTestStorage, reaches, startEngine } from '../testing/test-engine.ts';
import { createTestSaga, type TestSaga } from '../testing/test-saga.ts';

const leaseMs = 3_000;

describeOnEachDatabase((newUrl) => {
  closeAfterEach();

  /** Opens a database as if several processes could use it. */
  async function openShared(): Promise<Storage> {
    const storage = await openTestStorage(newUrl());
    return storage.exclusive ? { ...storage, exclusive: false } : storage;
  }

  /** Begins a saga that stays at `charge` until the gate is opened. */
  async function heldAtCharge(storage: Storage, clock: Clock, logger = createLogger('silent')) {
    const saga = createTestSaga();
    const gate = createGate();
    saga.onCall('run charge', gate.behaviour);
    const engine = await startEngine(storage, saga, { clock, leaseMs, logger });
    await begin(storage, engine, saga);
    await gate.reached;
    return { saga, gate, engine };
  }

  /** Lets time pass, and checks that the lease of the only saga is renewed on the way. */
  async function advanceWithLease(storage: Storage, clock: TestClock, byMs: number): Promise<void> {
    const timers = clock.pendingMs().length;
    for (let elapsedMs = 0; elapsedMs < byMs; elapsedMs += leaseMs / 3) {
      clock.advance(leaseMs / 3);
      await eventually(async () => {
        const [row] = await storage.query<{ due_time: bigint }>('SELECT due_time FROM saga');
        expect(row?.due_time).toBe(BigInt(clock.now() + leaseMs));
        // An engine sets the timer of its next renewal only once it has seen its own commit.
        expect(clock.pendingMs()).toHaveLength(timers);
      });
    }
  }

  const reportsOf = (...sagas: TestSaga[]) => sagas.flatMap(({ progress }) => progress);
  const everythingOnce = ['step-done reserve', 'step-done charge', 'step-done ship', 'step-done commit', 'completed'];

  describe('a lease', () => {
    it('is taken by another engine once it has expired, and its old driver no longer writes or runs anything', async () => {
      const storage = await openShared();
      const clock = createTestClock();
      const stalled: Clock = { ...clock, after: () => () => undefined };
      const zombie = await heldAtCharge({ ...storage, listen: () => () => undefined }, stalled);
      const saga = createTestSaga();
      const engine = await startEngine(storage, saga, { clock, leaseMs });
      clock.advance(leaseMs + leaseMs / 2);
      await reaches(engine, 'completed');
      zombie.gate.open();
      await zombie.engine.stop(5_000);
      expect(zombie.saga.calls).toEqual(['run reserve', 'run charge']);
      expect(saga.calls).toEqual(['run charge', 'run ship', 'run commit']);
      expect(saga.contexts[0]?.requestId).toBe(zombie.saga.contexts[1]?.requestId);
      expect(reportsOf(zombie.saga, saga)).toEqual(everythingOnce);
    });

    it('is renewed while its driver lives, so no other engine takes the saga', async () => {
      const storage = await openShared();
      const clock = createTestClock();
      const { saga, gate, engine } = await heldAtCharge(storage, clock);
      const other = createTestSaga();
      await startEngine(storage, other, { clock, leaseMs });
      await advanceWithLease(storage, clock, 3 * leaseMs);
      gate.open();
      await reaches(engine, 'completed');
      expect(reportsOf(saga)).toEqual(everythingOnce);
      expect(other.calls).toEqual([]);
    });

    it('is renewed while its driver stops and waits for a slow step', async () => {
      const storage = await openShared();
      const clock = createTestClock();
      const { saga, gate, engine } = await heldAtCharge(storage, clock);
      const other = createTestSaga();
      const next = await startEngine(storage, other, { clock, leaseMs });
      const stopped = engine.stop(5 * leaseMs);
      // It no longer waits for a purge, which would be a timer.
      await new Promise(setImmediate);
      await advanceWithLease(storage, clock, 3 * leaseMs);
      gate.open();
      await stopped;
      clock.advance(leaseMs);
      await reaches(next, 'completed');
      expect([saga.calls, other.calls]).toEqual([
        ['run reserve', 'run charge'],
        ['run ship', 'run commit'],
      ]);
      expect(reportsOf(saga, other)).toEqual(everythingOnce);
    });

    it('is released by an engine that stops, which aborts the steps in progress', async () => {
      const storage = await openShared();
      const clock = createTestClock();
      const first = await heldAtCharge(storage, clock);
      const stopped = first.engine.stop(1_000);
      await eventually(() => expect(clock.pendingMs()).toContain(1_000));
      clock.advance(1_000);
      await stopped;
      expect(first.saga.contexts[1]?.signal.aborted).toBe(true);
      const saga = createTestSaga();
      const engine = await startEngine(storage, saga, { clock, leaseMs });
      await reaches(engine, 'completed');
      expect(saga.calls).toEqual(['run charge', 'run ship', 'run commit']);
    });

    it('does not prevent a cancel by another engine, which the driver sees after the current step', async () => {
      const storage = await openShared();
      const clock = createTestClock();
      const { saga, gate, engine } = await heldAtCharge(storage, clock);
      const other = await startEngine(storage, createTestSaga(), { clock, leaseMs });
      const failure = { reason: 'CHANGED_MIND', message: 'no more' };
      expect(await storage.transaction((tx) => other.cancel(tx, 'saga-1', failure))).toBe(true);
      gate.open();
      await reaches(engine, 'compensated');
      expect(saga.calls).toEqual(['run reserve', 'run charge', 'undo charge', 'undo reserve']);
    });
  });

  describe('an engine', () => {
    it('finishes the current step when it stops, and starts no other', async () => {
      const storage = await openShared();
      const { saga, gate, engine } = await heldAtCharge(storage, createTestClock());
      const stopped = engine.stop(60_000);
      gate.open();
      await stopped;
      expect(saga.calls).toEqual(['run reserve', 'run charge']);
      expect((await engine.get({ id: 'saga-1' }))?.steps[1]?.state).toBe('done');
    });

    it('drives at most maxConcurrent sagas at a time, and all of them in the end', async () => {
      const storage = await openTestStorage(newUrl());
      const saga = createTestSaga();
      const gates = Array.from({ length: 40 }, createGate);
      saga.onCall('run charge', ...gates.map(({ behaviour }) => behaviour));
      const engine = await startEngine(storage, saga, { maxConcurrent: 4 });
      await Promise.all(gates.map((_, index) => begin(storage, engine, saga, `saga-${index}`)));
      for (let first = 0; first < gates.length; first += 4) {
        const four = gates.slice(first, first + 4);
        await Promise.all(four.map(({ reached }) => reached));
        expect(saga.calls.filter((call) => call === 'run charge')).toHaveLength(first + 4);
        for (const { open } of four) open();
      }
      for (const index of gates.keys()) await reaches(engine, 'completed', `saga-${index}`);
      expect(saga.calls).toHaveLength(4 * gates.length);
    });

    it('shares a backlog with others, and runs nothing twice', async () => {
      const storage = await openShared();
      const sagas = [createTestSaga(), createTestSaga(), createTestSaga()] as const;
      const start = (saga: TestSaga) => startEngine(storage, saga, { maxConcurrent: 3 });
      const engines = [await start(sagas[0]), await start(sagas[1]), await start(sagas[2])] as const;
      const ids = Array.from({ length: 60 }, (_, index) => `saga-${index}`);
      await Promise.all(ids.map((id, index) => begin(storage, engines[index % 3] ?? engines[0], sagas[0], id)));
      for (const id of ids) await reaches(engines[0], 'completed', id);
      expect(sagas.flatMap(({ calls }) => calls)).toHaveLength(4 * ids.length);
      expect(reportsOf(...sagas).filter((report) => report === 'completed')).toHaveLength(ids.length);
    });

    it('stops even if its storage is unavailable, and lets its leases expire', async () => {
      const storage = await openShared();
      let away = false;
      const transaction: Storage['transaction'] = async (work, options) => {
        if (away) throw new MeshError(Status.UNAVAILABLE, 'STORAGE_UNAVAILABLE', 'the database is away');
        return storage.transaction(work, options);
      };
      const { engine } = await heldAtCharge({ ...storage, transaction }, systemClock);
      away = true;
      await engine.stop(0);
      const [row] = await storage.query('SELECT lease_owner FROM saga');
      expect(row?.lease_owner).not.toBeNull();
    });

    it.each([
      ['a claim', leaseMs / 2],
      ['a renewal', leaseMs / 3],
      ['its steps and a release', 0],
    ])('is left to expire by an engine that stops while its database hangs in %s', async (_, byMs) => {
      const storage = await openShared();
      const clock = createTestClock();
      const { logger, lines } = captureLog();
      const database = Promise.withResolvers<void>();
      let hangs = false;
      const transaction: Storage['transaction'] = async (work, options) => {
        if (hangs) await database.promise;
        return storage.transaction(work, options);
      };
      const { engine } = await heldAtCharge({ ...storage, transaction }, clock, logger);
      hangs = true;
      clock.advance(byMs);
      const stopped = engine.stop(1_000);
      clock.advance(2_000);
      await stopped;
      expect(lines).toContainEqual(
        expect.objectContaining({ level: 'warn', msg: expect.stringMatching(/^saga engine stopped while/) }),
      );
      expect(clock.pendingMs()).toEqual([]);
      database.resolve();
    });

    it('leaves sagas whose definition it does not know to an engine that does', async () => {
      const storage = await openShared();
      const old = createTestSaga();
      const first = await heldAtCharge(storage, systemClock);
      await first.engine.stop(0);
      const next = { ...old, definition: { ...old.definition, version: 2 } };
      const engine = await startEngine(storage, next);
      await begin(storage, engine, next, 'saga-2');
      await reaches(engine, 'completed', 'saga-2');
      expect((await engine.get({ id: 'saga-1' }))?.state).toBe('running');
      const both = await startEngine(storage, old, { definitions: [old.definition, next.definition] });
      await reaches(both, 'completed', 'saga-1');
    });
  });
});
