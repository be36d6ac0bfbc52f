import { expect, it } from 'vitest';
import type { Storage } from '../../storage/storage.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { begin, closeAfterEach, openTestStorage, reaches, refuses, startEngine } from '../testing/test-engine.ts';
import { createTestSaga } from '../testing/test-saga.ts';
import { defaultSagasRetentionMs } from './purge.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

async function idsOf(storage: Storage): Promise<string[]> {
  return (await storage.query<{ id: string }>('SELECT id FROM saga ORDER BY id')).map(({ id }) => id);
}

describeOnEachDatabase((newUrl) => {
  closeAfterEach();

  async function withSagas() {
    const [storage, clock, saga] = [await openTestStorage(newUrl()), createTestClock(), createTestSaga()];
    const engine = await startEngine(storage, saga, { clock, retentionMs: defaultSagasRetentionMs });
    await begin(storage, engine, saga, 'completed');
    await reaches(engine, 'completed', 'completed');
    saga.onCall('run charge', refuses);
    await begin(storage, engine, saga, 'compensated');
    await reaches(engine, 'compensated', 'compensated');
    saga.onCall('run charge', refuses);
    saga.onCall('undo reserve', refuses);
    await begin(storage, engine, saga, 'parked');
    await reaches(engine, 'needs-attention', 'parked');
    /** Lets time pass once the purge waits for its next hour, and waits until it does again. */
    const pass = async (ms: number) => {
      const waits = () => eventually(() => expect(clock.pendingMs()).toContain(hourMs));
      await waits();
      clock.advance(ms);
      await waits();
    };
    return { storage, clock, engine, pass };
  }

  it('deletes finished sagas after their retention, and keeps those that need attention', async () => {
    const { storage, pass } = await withSagas();
    await pass(7 * dayMs - hourMs);
    expect(await idsOf(storage)).toEqual(['compensated', 'completed', 'parked']);
    await pass(2 * hourMs);
    expect(await idsOf(storage)).toEqual(['parked']);
  });

  it('accepts no cancel of a saga that was deleted', async () => {
    const { storage, engine } = await withSagas();
    await storage.execute("DELETE FROM saga WHERE id = 'completed'");
    const failure = { reason: 'CANCELLED', message: 'too late' };
    await expect(storage.transaction((tx) => engine.cancel(tx, 'completed', failure))).resolves.toBe(false);
  });

  it('deletes nothing because a clock is a year ahead', async () => {
    const { storage, clock, pass } = await withSagas();
    clock.shift(365 * dayMs);
    await pass(hourMs);
    expect(await idsOf(storage)).toEqual(['compensated', 'completed', 'parked']);
  });

  it('does not delay the stop of its engine longer than the grace', async () => {
    const storage = await openTestStorage(newUrl());
    const [purging, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const execute: Storage['execute'] = async (sql, params) => {
      if (!sql.startsWith('DELETE FROM saga')) return await storage.execute(sql, params);
      purging.resolve();
      await released.promise;
      return 0;
    };
    const hanging = { ...storage, execute };
    const engine = await startEngine(hanging, createTestSaga(), { retentionMs: defaultSagasRetentionMs });
    await purging.promise;
    const startMs = performance.now();
    await engine.stop(200);
    expect(performance.now() - startMs).toBeGreaterThan(190);
    released.resolve();
  });

  it('lets the sagas that an earlier version finished age from the first start on', async () => {
    const { storage, pass } = await withSagas();
    const row = "SELECT 'old-' || id, name, definition_version, subject_id, state, record, data, notes, request_id";
    await storage.execute(
      `INSERT INTO saga (id, name, definition_version, subject_id, state, record, data, notes, request_id, traceparent,
         version, turn, epoch, lease_owner, due_time, create_time, update_time)
       ${row}, traceparent, version, turn, epoch, lease_owner, due_time, create_time, update_time FROM saga`,
    );
    await pass(hourMs);
    const unaged = "SELECT id FROM saga WHERE finished_aged_ms IS NULL AND state <> 'needs-attention'";
    expect(await storage.query(unaged)).toEqual([]);
    await pass(7 * dayMs - hourMs / 2);
    expect(await idsOf(storage)).toEqual(['old-compensated', 'old-completed', 'old-parked', 'parked']);
    await pass(2 * hourMs);
    expect(await idsOf(storage)).toEqual(['old-parked', 'parked']);
  });
});
