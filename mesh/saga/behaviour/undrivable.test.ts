import { Status } from 'nice-grpc-common';
import { expect, it } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import type { Storage } from '../../storage/storage.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock, type TestClock } from '../../testing/test-clock.ts';
import { createSagaEngine } from '../engine.ts';
import { begin, closeAfterEach, openTestStorage, reaches, startEngine } from '../testing/test-engine.ts';
import { createTestSaga, type TestSaga } from '../testing/test-saga.ts';

describeOnEachDatabase((newUrl) => {
  closeAfterEach();

  /** Begins sagas that wait for a slot: this engine drives none. */
  async function beginWaiting(storage: Storage, saga: TestSaga, clock: TestClock, ids: readonly string[]) {
    const logger = createLogger('silent');
    const definitions = [saga.definition];
    const engine = await createSagaEngine({
      service: 'test',
      storage,
      definitions,
      clock,
      databaseTime: async () => clock.now(),
      logger,
    });
    for (const id of ids) await begin(storage, engine, saga, id);
  }

  it('claims a due but locked saga after a pause, not in a loop', async ({ skip }) => {
    const storage = await openTestStorage(newUrl());
    skip(storage.dialect === 'sqlite', 'its transactions run one after another: nobody passes over a lock');
    const clock = createTestClock();
    const saga = createTestSaga();
    await beginWaiting(storage, saga, clock, ['saga-1']);
    const locked = Promise.withResolvers<void>();
    const unlocked = Promise.withResolvers<void>();
    const holding = storage.transaction(async (tx) => {
      await tx.query('SELECT id FROM saga FOR UPDATE');
      locked.resolve();
      await unlocked.promise;
    });
    await locked.promise;
    let transactions = 0;
    const transaction: Storage['transaction'] = (work, options) => {
      transactions += 1;
      return storage.transaction(work, options);
    };
    try {
      const engine = await startEngine({ ...storage, transaction }, saga, { clock, leaseMs: 60_000 });
      await eventually(() => expect(clock.pendingMs()).toContain(1_000));
      expect(transactions).toBeLessThan(5);
      unlocked.resolve();
      await holding;
      clock.advance(1_000);
      await reaches(engine, 'completed');
    } finally {
      unlocked.resolve();
    }
  });

  it('retries sagas that cannot be driven after growing delays, without a log line for each', async () => {
    const storage = await openTestStorage(newUrl());
    const clock = createTestClock();
    const saga = createTestSaga();
    let isAway = false;
    let attempts = 0;
    const transaction: Storage['transaction'] = async (work, options) => {
      if (isAway) {
        attempts += 1;
        throw new MeshError(Status.UNAVAILABLE, 'STORAGE_UNAVAILABLE', 'the database is away');
      }
      const result = await storage.transaction(work, options);
      // From the moment that the sagas are claimed.
      isAway = attempts === 0 && Array.isArray(result) && result.length > 0;
      return result;
    };
    const log = captureLog();
    const engine = await createSagaEngine({
      service: 'test',
      storage: { ...storage, transaction },
      definitions: [saga.definition],
      clock,
      databaseTime: async () => clock.now(),
      logger: log.logger,
    });
    const changed = createTestSaga({ steps: [{ name: 'another' }] });
    const ids = Array.from({ length: 20 }, (_, index) => `saga-${index}`);
    await beginWaiting(storage, changed, clock, ids);
    await engine.start();
    for (let second = 0; second < 30; second += 1) {
      await eventually(() => expect(clock.pendingMs().length).toBeGreaterThanOrEqual(ids.length));
      clock.advance(1_000);
    }
    const lines = log.lines.filter(({ msg }) => msg.startsWith('saga cannot be driven'));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThan(ids.length);
    expect(attempts).toBeLessThan(10 * ids.length);
    isAway = false;
    await eventually(async () => {
      clock.advance(60_000);
      const failing = await Array.fromAsync(engine.list({ failing: true }, ''));
      expect(failing).toHaveLength(ids.length);
    });
    await engine.stop(0);
  });
});
