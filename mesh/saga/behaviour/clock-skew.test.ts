import { expect, it } from 'vitest';
import type { Storage } from '../../storage/storage.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock, type TestClock } from '../../testing/test-clock.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import {
  begin,
  closeAfterEach,
  createGate,
  getsLost,
  openTestStorage,
  reaches,
  startEngine,
} from '../testing/test-engine.ts';
import { createTestSaga } from '../testing/test-saga.ts';

const skewMs = 30_000;

describeOnEachDatabase((newUrl) => {
  closeAfterEach();

  const isShared = ({ dialect }: Storage) => dialect === 'postgres';
  const why = 'who drives sagas on SQLite is on the machine of the file, with one clock';

  /** How long sagas are leased or wait, by the database's clock. */
  async function waitsMs(storage: Storage): Promise<number[]> {
    const rows = await storage.query<{ left_ms: bigint }>(
      'SELECT due_time - CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS left_ms FROM saga',
    );
    return rows.map(({ left_ms }) => Number(left_ms));
  }

  it.for([skewMs, -skewMs])('leases and waits go by the clock of the database: %d ms off', async (offMs, { skip }) => {
    const storage = await openTestStorage(newUrl());
    skip(!isShared(storage), why);
    const clock: Clock = { ...systemClock, now: () => Date.now() + offMs };
    const saga = createTestSaga({ steps: [{ name: 'only' }] });
    const gate = createGate();
    saga.onCall('run only', gate.behaviour, getsLost);
    const retry = { initialMs: 10_000, maxMs: 10_000 };
    const engine = await startEngine(storage, saga, { clock, databaseTime: undefined, retry, leaseMs: 20_000 });
    await begin(storage, engine, saga);
    await gate.reached;
    const [leaseMs] = await waitsMs(storage);
    expect(leaseMs).toBeGreaterThan(10_000);
    expect(leaseMs).toBeLessThan(21_000);
    saga.onCall('run only', getsLost);
    await begin(storage, engine, saga, 'saga-2');
    await eventually(async () => {
      const [waitMs] = (await waitsMs(storage)).toSorted((a, b) => a - b);
      expect(waitMs).toBeLessThan(13_000);
      expect(waitMs).toBeGreaterThan(0);
    });
    gate.open();
    await reaches(engine, 'completed');
  });

  it('does not take a saga from its driver, even if its clock is ahead', async ({ skip }) => {
    const storage = await openTestStorage(newUrl());
    skip(!isShared(storage), why);
    const database = createTestClock();
    const ahead = createTestClock();
    ahead.shift(skewMs);
    const right = createTestClock();
    const start = (clock: TestClock) => {
      const saga = createTestSaga({ steps: [{ name: 'only' }] });
      saga.onCall('run only', ...Array(20).fill(() => new Promise<void>((resolve) => clock.after(7_000, resolve))));
      return { saga, clock, started: startEngine(storage, saga, { clock, databaseTime: async () => database.now() }) };
    };
    const sides = [start(ahead), start(right)] as const;
    const [first, second] = [await sides[0].started, await sides[1].started];
    const ids = Array.from({ length: 5 }, (_, index) => `saga-${index}`);
    for (const id of ids) await begin(storage, second, sides[1].saga, id);
    const called = () => sides.flatMap(({ saga }) => saga.contexts.map(({ sagaId }) => sagaId)).toSorted();
    await eventually(() => expect(new Set(called()).size).toBe(ids.length));
    for (let second = 0; second < 7; second += 1) {
      for (const clock of [database, ahead, right]) clock.advance(1_000);
      // The search for due sagas ends with the answer of the database.
      await storage.query('SELECT count(*) FROM saga');
    }
    for (const id of ids) await reaches(first, 'completed', id);
    expect(called()).toEqual(ids);
  });
});
