import { describe, expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { versionAsOf } from '../streams/version-as-of.ts';
import { logger, openStore } from '../testing/fixture.ts';
import { type AggregateDefinition, createAggregates } from './aggregate.ts';
import { defineEventTypes } from './event-types.ts';

type Change = { readonly type: 'ADDED'; readonly amount: bigint };

const definition: AggregateDefinition<bigint, Change> = {
  category: 'sum',
  initial: 0n,
  events: defineEventTypes<Change>({
    ADDED: {
      // Version 1 had whole units, as numbers.
      upcasters: [({ units }) => ({ amount: `${Number(units) * 100}` })],
      encode: ({ amount }) => ({ amount: amount.toString() }),
      decode: ({ amount }) => ({ type: 'ADDED', amount: BigInt(String(amount)) }),
    },
  }),
  evolve: (sum, { amount }) => sum + amount,
  snapshots: {
    every: 10,
    schemaVersion: 1,
    encode: (sum) => ({ sum: sum.toString() }),
    decode: ({ sum }) => BigInt(String(sum)),
  },
};
const metadata = { correlationId: 'r', timeMs: 1_000 };

async function openSums(url: string, changed: Partial<AggregateDefinition<bigint, Change>> = {}) {
  const opened = await openStore(url);
  const sums = createAggregates(opened.store, { ...definition, ...changed }, logger);
  const add = (amounts: readonly bigint[], timeMs = 1_000) =>
    opened.storage.transaction(async (tx) => {
      const loaded = await sums.load(tx, 'a');
      const changes = amounts.map((amount): Change => ({ type: 'ADDED', amount }));
      return await sums.append(tx, 'a', loaded, changes, { ...metadata, timeMs });
    });
  return { ...opened, sums, add };
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => BigInt(index + 1));

function aggregateContract(newUrl: NewDatabaseUrl): void {
  it('is what its events come to, now and at each version', async () => {
    const { storage, sums, add } = await openSums(newUrl());
    await expect(sums.load(storage, 'a')).resolves.toEqual({ state: 0n, version: 0n });
    for (const amount of upTo(25)) await add([amount]);
    await expect(sums.load(storage, 'a')).resolves.toEqual({ state: 325n, version: 25n });
    for (const version of upTo(25)) {
      const then = await sums.load(storage, 'a', version);
      expect(then).toEqual({ state: (version * (version + 1n)) / 2n, version });
    }
  });

  it('is read from its last snapshot: no more events than are between two', async () => {
    const { storage, sums, add } = await openSums(newUrl());
    await add(upTo(1_234));
    const versions = await storage.query('SELECT version FROM event_snapshot');
    expect(versions).toEqual([{ version: 1_234n }]);
    // What the snapshot stands for is not looked at: the event before it is not readable any more.
    await storage.execute(`UPDATE event SET data = '{}' WHERE version = 1233`);
    await expect(sums.load(storage, 'a')).resolves.toMatchObject({ version: 1_234n });
    await storage.execute('DELETE FROM event_snapshot');
    await expect(sums.load(storage, 'a')).rejects.toMatchObject({ reason: 'EVENT_CORRUPT' });
  });

  it.each([
    ['an older one was restored', `DELETE FROM event_snapshot WHERE version > 10`],
    ['there are none', 'DELETE FROM event_snapshot'],
    ['one is torn', `UPDATE event_snapshot SET state = '{"su' WHERE version = 30`],
    [
      'one is of a history that is not here',
      `UPDATE event_snapshot SET version = 99, state = '{"sum":"7"}' WHERE version = 30`,
    ],
    [
      'one is of another shape',
      `UPDATE event_snapshot SET schema_version = 2, state = '{"total":"7"}' WHERE version = 30`,
    ],
  ])('is the same when of the snapshots %s', async (_, change) => {
    const { storage, sums, add } = await openSums(newUrl());
    for (const amount of upTo(35)) await add([amount]);
    await storage.execute(change);
    await expect(sums.load(storage, 'a')).resolves.toEqual({ state: 630n, version: 35n });
    await add([1n]);
    await expect(sums.load(storage, 'a')).resolves.toEqual({ state: 631n, version: 36n });
  });

  it('reads events of every schema version there was', async () => {
    const { storage, store, sums, add } = await openSums(newUrl());
    const old = { type: 'ADDED', schemaVersion: 1, data: { units: 3 }, ...metadata };
    await store.append('sum-a', 0n, [old, old]);
    await add([5n]);
    await expect(sums.load(storage, 'a')).resolves.toEqual({ state: 605n, version: 3n });
  });

  it.each([
    ['a type', { type: 'REMOVED', schemaVersion: 1 }],
    ['a schema version', { type: 'ADDED', schemaVersion: 3 }],
  ])('refuses an event of %s that it does not know, and names it', async (_, unknown) => {
    const { storage, store, sums } = await openSums(newUrl());
    await store.append('sum-a', 0n, { ...unknown, data: {}, ...metadata });
    await expect(sums.load(storage, 'a')).rejects.toMatchObject({
      reason: 'EVENT_UNREADABLE',
      metadata: { stream: 'sum-a', version: '1', type: unknown.type, schema_version: `${unknown.schemaVersion}` },
    });
  });

  it('refuses what was decided on an older state', async () => {
    const { storage, sums, add } = await openSums(newUrl());
    const loaded = await sums.load(storage, 'a');
    await add([1n]);
    const late = storage.transaction((tx) => sums.append(tx, 'a', loaded, [{ type: 'ADDED', amount: 1n }], metadata));
    await expect(late).rejects.toMatchObject({ reason: 'STREAM_CONFLICT' });
  });

  it('is found at a time by the times of its events', async () => {
    const { storage, add } = await openSums(newUrl());
    for (const timeMs of [100, 200, 200, 300]) await add([1n], timeMs);
    const at = (timeMs: number) => versionAsOf(storage, 'sum-a', 4n, timeMs);
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
  describeOnEachDatabase(aggregateContract);
});
