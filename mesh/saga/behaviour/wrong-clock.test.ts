import { describe, expect, it } from 'vitest';
import { type CapturedLog, captureLog } from '../../testing/captured-log.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import {
  begin,
  closeAfterEach,
  createGate,
  getsLost,
  openTestStorage,
  reaches,
  refuses,
  startEngine,
} from '../testing/test-engine.ts';
import { createTestSaga } from '../testing/test-saga.ts';

const dayMs = 24 * 3_600_000;
const leaseMs = 3_000;
const retry = { initialMs: 1_000, maxMs: 60_000 };

describeOnEachDatabase((newUrl) => {
  closeAfterEach();

  async function openShared() {
    const storage = await openTestStorage(newUrl());
    return storage.exclusive ? { ...storage, exclusive: false } : storage;
  }

  const warnings = ({ lines }: CapturedLog) =>
    lines.filter(({ level, msg }) => level === 'warn' && msg.includes('clock'));

  describe('after a process whose clock was a day ahead', () => {
    it('the next start resumes waiting sagas, with a warning', async () => {
      const storage = await openTestStorage(newUrl());
      const saga = createTestSaga();
      saga.onCall('run charge', getsLost);
      const clock = createTestClock();
      clock.shift(dayMs);
      const first = await startEngine(storage, saga, { clock, leaseMs, retry });
      await begin(storage, first, saga);
      await eventually(async () => expect((await first.get({ id: 'saga-1' }))?.steps[1]?.lastError).not.toBe(''));
      await first.stop(0);
      clock.shift(-dayMs);
      const log = captureLog();
      const second = await startEngine(storage, saga, { clock, leaseMs, retry, logger: log.logger });
      const view = await reaches(second, 'completed');
      expect(view.failure).toBeUndefined();
      expect(warnings(log)).toMatchObject([{ sagas: 1 }]);
    });

    it('other processes take over its leases, with a warning', async () => {
      const storage = await openShared();
      const gate = createGate();
      const zombie = createTestSaga();
      zombie.onCall('run charge', gate.behaviour);
      const ahead = createTestClock();
      ahead.shift(dayMs);
      // It gets no notifications: with its clock it would take the saga back as soon as it looked.
      const deaf = { ...storage, listen: () => () => undefined };
      const first = await startEngine(deaf, zombie, { clock: ahead, leaseMs, retry });
      await begin(deaf, first, zombie);
      await gate.reached;
      const saga = createTestSaga();
      const log = captureLog();
      const second = await startEngine(storage, saga, { clock: createTestClock(), leaseMs, retry, logger: log.logger });
      await reaches(second, 'completed');
      expect(saga.calls).toEqual(['run charge', 'run ship', 'run commit']);
      expect(warnings(log)).toMatchObject([{ sagas: 1 }]);
      gate.open();
    });

    it('the day does not count as time that an undo has been retried', async () => {
      const storage = await openTestStorage(newUrl());
      const saga = createTestSaga();
      saga.onCall('run charge', refuses);
      saga.onCall('undo reserve', getsLost, getsLost);
      const clock = createTestClock();
      clock.shift(2 * dayMs);
      const engine = await startEngine(storage, saga, { clock, leaseMs, retry });
      await begin(storage, engine, saga);
      await eventually(async () => {
        const view = await engine.get({ id: 'saga-1' });
        expect(view?.steps[0]?.undoAttempts).toBe(1);
        expect(view?.nextAttemptTimeMs).toBeDefined();
      });
      await engine.stop(0);
      clock.shift(-2 * dayMs);
      const second = await startEngine(storage, saga, { clock, leaseMs, retry });
      await eventually(async () => {
        const view = await second.get({ id: 'saga-1' });
        expect(view?.steps[0]?.undoAttempts).toBe(2);
        expect(view?.nextAttemptTimeMs).toBeDefined();
      });
      clock.advance(dayMs - 1);
      await reaches(second, 'compensated');
    });
  });

  it('notices that its own clock was set back while sagas wait', async () => {
    const storage = await openTestStorage(newUrl());
    const saga = createTestSaga();
    saga.onCall('run charge', getsLost);
    const clock = createTestClock();
    const database = createTestClock();
    const databaseTime = async () => database.now();
    const log = captureLog();
    const engine = await startEngine(storage, saga, { clock, databaseTime, leaseMs, retry, logger: log.logger });
    await begin(storage, engine, saga);
    await eventually(async () => {
      expect(await engine.get({ id: 'saga-1' })).toMatchObject({ steps: [{}, { attempts: 1 }, {}, {}] });
      expect((await engine.get({ id: 'saga-1' }))?.steps[1]?.lastError).not.toBe('');
      expect(clock.pendingMs()).toHaveLength(storage.exclusive ? 1 : 3);
    });
    clock.shift(-dayMs);
    database.advance(2 * retry.initialMs);
    clock.advance(2 * retry.initialMs);
    await reaches(engine, 'completed');
    // PostgreSQL has its own clock, which was not changed.
    expect(warnings(log)).toMatchObject(storage.dialect === 'postgres' ? [] : [{ sagas: 1 }]);
  });

  it('does not count a jump of the clock by a day as running time', async () => {
    const storage = await openTestStorage(newUrl());
    const saga = createTestSaga();
    const gate = createGate();
    saga.onCall('run charge', gate.behaviour);
    const clock = createTestClock();
    const engine = await startEngine(storage, saga, { clock, leaseMs, retry });
    await begin(storage, engine, saga);
    await gate.reached;
    clock.shift(dayMs);
    gate.open();
    expect((await reaches(engine, 'completed')).failure).toBeUndefined();
  });
});
