import { describe, expect, it } from 'vitest';
import { describeOnEachDatabase, type NewDatabaseUrl } from '../../testing/databases.ts';
import { type Added, openSums, sumDefinition } from '../testing/sums.ts';

const cause = { correlationId: 'request-1', timeMs: 1_000 };
const add = (amount: bigint) => (): Added => ({ type: 'ADDED', amount });
/** Adds until the sum is at least `wanted`. */
const addUpTo = (wanted: bigint) => (sum: bigint | undefined) =>
  sum !== undefined && sum >= wanted ? undefined : add(wanted - (sum ?? 0n))();

function changeSuite(newUrl: NewDatabaseUrl): void {
  it('decides on the current state, and returns the state after the change', async () => {
    const { sums, store } = await openSums(newUrl());
    await sums.change('a', add(3n), cause);
    const changed = await sums.change('a', addUpTo(10n), { ...cause, correlationId: 'request-2' });
    expect(changed).toMatchObject({ state: 10n, version: 2n });
    const [, second] = await store.getEvents('sum-a');
    expect(second).toMatchObject({ data: { amount: '7' }, correlationId: 'request-2' });
    expect(changed.recorded).toEqual([second]);
  });

  it('records several events of one decision', async () => {
    const { sums, store } = await openSums(newUrl());
    const changed = await sums.change('a', () => [add(1n)(), add(2n)()], cause);
    expect(changed).toMatchObject({ state: 3n, version: 2n });
    expect(await store.getEvents('sum-a')).toHaveLength(2);
  });

  it('records nothing if there is nothing to do', async () => {
    const { sums, store } = await openSums(newUrl());
    await sums.change('a', add(10n), cause);
    await expect(sums.change('a', addUpTo(10n), cause)).resolves.toMatchObject({
      state: 10n,
      version: 1n,
      recorded: [],
    });
    expect(await store.getEvents('sum-a')).toHaveLength(1);
  });

  it('records nothing if the decision refuses', async () => {
    const { sums, store } = await openSums(newUrl());
    const refused = sums.change(
      'a',
      () => {
        throw new RangeError('too much');
      },
      cause,
    );
    await expect(refused).rejects.toThrow('too much');
    expect(await store.getEvents('sum-a')).toEqual([]);
  });

  it('rejects a decision without an event on an aggregate without a state', async () => {
    const { sums } = await openSums(newUrl());
    await expect(sums.change('a', () => undefined, cause)).rejects.toThrow('decide returned no event for sum-a');
  });

  it('never records an earlier time than that of the event before', async () => {
    const { sums, store } = await openSums(newUrl());
    for (const timeMs of [2_000, 1_000, 3_000]) await sums.change('a', add(1n), { ...cause, timeMs });
    expect((await store.getEvents('sum-a')).map(({ timeMs }) => timeMs)).toEqual([2_000, 2_000, 3_000]);
  });

  it('publishes in the same transaction, by default or as the change wants', async () => {
    const published: string[] = [];
    const outbox = { addEvent: async (_: unknown, { type }: { readonly type: string }) => void published.push(type) };
    const event = (type: string) => ({ topic: 'sums', key: 'a', type, version: 1n, timeMs: 0, json: {} });
    const { storage, sums } = await openSums(newUrl(), {
      outbox,
      publish: (_, { amount }, id) => event(`ADDED_${amount}_TO_${id}`),
    });
    await sums.change('a', add(3n), cause);
    await storage.transaction((tx) => sums.changeIn(tx, 'a', add(4n), { ...cause, publish: () => event('OTHER') }));
    await sums.change('a', addUpTo(7n), cause);
    await sums.change('a', add(5n), { ...cause, publish: () => undefined });
    expect(published).toEqual(['ADDED_3_TO_a', 'OTHER']);
  });

  it('records nothing that it cannot publish', async () => {
    const { sums, store } = await openSums(newUrl());
    const publish = () => ({ topic: 'sums', key: 'a', type: 'ADDED', version: 1n, timeMs: 0, json: {} });
    await expect(sums.change('a', add(1n), { ...cause, publish })).rejects.toThrow('pass createAggregates an outbox');
    expect(await store.getEvents('sum-a')).toEqual([]);
  });

  it('retries conflicts with other processes', async () => {
    const url = newUrl();
    const both = [await openSums(url), await openSums(url)];
    const changes = Array.from({ length: 60 }, (_, index) => both[index % 2]?.sums.change('a', add(1n), cause));
    await Promise.all(changes);
    const { sums, storage } = await openSums(url);
    await expect(sums.load(storage, 'a')).resolves.toMatchObject({ state: 60n, version: 60n });
  });

  it('makes no change whose deadline ends while it waits for other changes of its aggregate', async () => {
    const { storage, sums } = await openSums(newUrl());
    await storage.migrate('test', [{ name: '0001-init', sql: 'CREATE TABLE made (number BIGINT PRIMARY KEY)' }]);
    const make = (index: number, signal: AbortSignal) => {
      const call = { requestId: `request-${index}`, signal, once: storage.transaction.bind(storage) };
      return sums.transact('ada', call, async (tx) => {
        await tx.execute('INSERT INTO made (number) VALUES ($1)', [index]);
      });
    };
    const late = new AbortController();
    const first = make(0, new AbortController().signal);
    const others = Array.from({ length: 100 }, (_, index) => make(index + 1, late.signal));
    const outcomes = Promise.allSettled(others);
    late.abort(new Error('the deadline is over'));
    await first;
    expect(new Set((await outcomes).map(({ status }) => status))).toEqual(new Set(['rejected']));
    expect(await storage.query('SELECT number FROM made')).toEqual([{ number: 0n }]);
  });

  it('ignores stored snapshots if the definition has none, and saves none', async () => {
    const url = newUrl();
    const { sums } = await openSums(url);
    for (let count = 0; count < 10; count += 1) await sums.change('a', add(1n), cause);
    const { snapshots: _, ...plain } = sumDefinition;
    const { sums: plainSums, storage } = await openSums(url, {}, plain);
    await storage.execute(`UPDATE event_snapshot SET state = '{"of":"another program"}'`);
    for (let count = 0; count < 10; count += 1) await plainSums.change('a', add(1n), cause);
    await expect(plainSums.load(storage, 'a')).resolves.toMatchObject({ state: 20n, version: 20n });
    expect(await storage.query('SELECT version FROM event_snapshot')).toEqual([{ version: 10n }]);
  });
}

describe('a change of an aggregate', () => {
  describeOnEachDatabase(changeSuite);
});
