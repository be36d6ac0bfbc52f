import { describe, expect, it } from 'vitest';
import { describeOnEachDatabase, type NewDatabaseUrl } from '../../testing/databases.ts';
import { type Added, openSums } from '../testing/sums.ts';

const metadata = { correlationId: 'r', timeMs: 1_000 };

async function openAdding(url: string) {
  const opened = await openSums(url);
  const { storage, sums } = opened;
  const add = (amounts: readonly bigint[], timeMs = 1_000) =>
    storage.transaction(async (tx) => {
      const loaded = await sums.load(tx, 'a');
      const changes = amounts.map((amount): Added => ({ type: 'ADDED', amount }));
      return await sums.append(tx, 'a', loaded, changes, { ...metadata, timeMs });
    });
  return { ...opened, add };
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => BigInt(index + 1));

function aggregateSuite(newUrl: NewDatabaseUrl): void {
  it('has the state that its events add up to, now and at each version', async () => {
    const { storage, sums, add } = await openAdding(newUrl());
    await expect(sums.load(storage, 'a')).resolves.toEqual({ state: undefined, version: 0n, lastTimeMs: 0 });
    for (const amount of upTo(25)) await add([amount]);
    await expect(sums.load(storage, 'a')).resolves.toEqual({ state: 325n, version: 25n, lastTimeMs: 1_000 });
    for (const version of upTo(25)) {
      const then = await sums.load(storage, 'a', { version });
      expect(then).toEqual({ state: (version * (version + 1n)) / 2n, version, lastTimeMs: 1_000 });
    }
  });

  it('is loaded from its last snapshot, with no event before it', async () => {
    const { storage, sums, add } = await openAdding(newUrl());
    await add(upTo(1_234));
    const versions = await storage.query('SELECT version FROM event_snapshot');
    expect(versions).toEqual([{ version: 1_234n }]);
    // The event before the snapshot is corrupt, and not read.
    await storage.execute(`UPDATE event SET data = '{}' WHERE version = 1233`);
    await expect(sums.load(storage, 'a')).resolves.toMatchObject({ version: 1_234n });
    await storage.execute('DELETE FROM event_snapshot');
    await expect(sums.load(storage, 'a')).rejects.toMatchObject({ reason: 'EVENT_CORRUPT' });
  });

  it.each([
    ['only an older snapshot is left', `DELETE FROM event_snapshot WHERE version > 10`],
    ['there are no snapshots', 'DELETE FROM event_snapshot'],
    ['a snapshot is torn', `UPDATE event_snapshot SET state = '{"su' WHERE version = 30`],
    [
      'a snapshot belongs to another history',
      `UPDATE event_snapshot SET version = 99, state = '{"sum":"7"}' WHERE version = 30`,
    ],
    [
      'a snapshot has another schema version',
      `UPDATE event_snapshot SET schema_version = 2, state = '{"total":"7"}' WHERE version = 30`,
    ],
  ])('has the same state if %s', async (_, change) => {
    const { storage, sums, add } = await openAdding(newUrl());
    for (const amount of upTo(35)) await add([amount]);
    await storage.execute(change);
    await expect(sums.load(storage, 'a')).resolves.toEqual({ state: 630n, version: 35n, lastTimeMs: 1_000 });
    await add([1n]);
    await expect(sums.load(storage, 'a')).resolves.toEqual({ state: 631n, version: 36n, lastTimeMs: 1_000 });
  });

  it('reads events of every schema version', async () => {
    const { storage, store, sums, add } = await openAdding(newUrl());
    const old = { type: 'ADDED', schemaVersion: 1, data: { units: 3 }, ...metadata };
    await store.append('sum-a', 0n, [old, old]);
    await add([5n]);
    await expect(sums.load(storage, 'a')).resolves.toEqual({ state: 605n, version: 3n, lastTimeMs: 1_000 });
  });

  it.each([
    ['type', { type: 'REMOVED', schemaVersion: 1 }],
    ['schema version', { type: 'ADDED', schemaVersion: 3 }],
  ])('refuses an event of an unknown %s, and names it', async (_, unknown) => {
    const { storage, store, sums } = await openAdding(newUrl());
    await store.append('sum-a', 0n, { ...unknown, data: {}, ...metadata });
    await expect(sums.load(storage, 'a')).rejects.toMatchObject({
      reason: 'EVENT_UNREADABLE',
      metadata: { stream: 'sum-a', version: '1', type: unknown.type, schema_version: `${unknown.schemaVersion}` },
    });
  });

  it('refuses an append that was decided on an older state', async () => {
    const { storage, sums, add } = await openAdding(newUrl());
    const loaded = await sums.load(storage, 'a');
    await add([1n]);
    const late = storage.transaction((tx) => sums.append(tx, 'a', loaded, [{ type: 'ADDED', amount: 1n }], metadata));
    await expect(late).rejects.toMatchObject({ reason: 'STREAM_CONFLICT' });
  });

  it('loads the state at a time', async () => {
    const { storage, sums, add } = await openAdding(newUrl());
    for (const timeMs of [100, 200, 200, 300]) await add([1n], timeMs);
    const at = async (timeMs: number) => (await sums.load(storage, 'a', { timeMs })).version;
    await expect(Promise.all([99, 100, 199, 200, 299, 300, 301].map(at))).resolves.toEqual([
      0n,
      1n,
      1n,
      3n,
      3n,
      4n,
      4n,
    ]);
  });
}

describe('an aggregate', () => {
  describeOnEachDatabase(aggregateSuite);
});
