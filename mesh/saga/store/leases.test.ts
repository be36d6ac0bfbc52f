import { expect, it } from 'vitest';
import { createLogger } from '../../telemetry/logger.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { createSagaEngine } from '../engine.ts';
import { begin, closeAfterEach, openTestStorage } from '../testing/test-engine.ts';
import { createTestSaga } from '../testing/test-saga.ts';
import { claimDue, releaseLeases } from './leases.ts';
import { selectSaga, updateByDriver } from './saga-table.ts';

describeOnEachDatabase((newUrl) => {
  closeAfterEach();

  async function withSagas(...ids: string[]) {
    const storage = await openTestStorage(newUrl());
    const clock = createTestClock();
    const saga = createTestSaga();
    const definitions = [saga.definition];
    const engine = await createSagaEngine({
      service: 'test',
      storage,
      definitions,
      clock,
      databaseTime: async () => clock.now(),
      logger: createLogger('silent'),
    });
    for (const id of ids) await begin(storage, engine, saga, id);
    const nowMs = clock.now();
    const claim = (owner: string, limit = 10) =>
      claimDue(storage, definitions, { owner, nowMs, leaseEndMs: nowMs + 1_000, limit });
    return { storage, claim, nowMs };
  }

  it('prevents a driver whose lease was taken from writing, even before the new one has written', async () => {
    const { storage, claim, nowMs } = await withSagas('saga-1');
    const [zombie] = await claim('first');
    await releaseLeases(storage, 'others', 'second', nowMs);
    const [thief] = await claim('second');
    if (!zombie || !thief) throw new Error('the saga was not claimed');
    expect(thief.revision).toBe(zombie.revision);
    const next = { ...zombie, data: { total: 0n, trail: 'zombie' }, version: zombie.revision + 1n };
    const schedule = { leaseOwner: 'first', dueTimeMs: nowMs };
    expect(await storage.transaction((tx) => updateByDriver(tx, zombie, next, schedule, nowMs))).toBe(false);
    expect(await selectSaga(storage, 'saga-1')).toEqual(thief);
  });

  it('gives each saga to one of several concurrent claims', async () => {
    const ids = Array.from({ length: 30 }, (_, index) => `saga-${index}`);
    const { claim } = await withSagas(...ids);
    const claims = await Promise.all(['a', 'b', 'c', 'd'].map((owner) => claim(owner)));
    const claimed = claims.flat().map(({ id }) => id);
    expect(new Set(claimed).size).toBe(claimed.length);
    expect(claims.every((sagas) => sagas.length <= 10)).toBe(true);
    expect(claimed.length).toBeGreaterThan(0);
  });
});
