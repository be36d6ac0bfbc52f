import type { Queryable, Transaction } from '../../storage/storage.ts';
import { backoff } from '../../time/backoff.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { maxInt64 } from '../../values/int64.ts';
import type { JsonObject } from '../../values/json.ts';
import { streamConflict } from '../errors.ts';
import type { RecordedEvent } from '../event-store.ts';
import { selectStream, versionAsOf } from '../streams/event-table.ts';
import type { AggregateDefinition, AggregateOptions, Aggregates, Loaded, PublishedEvent } from './aggregate.ts';
import { lastSnapshotVersion, type PageSinceSnapshot, selectSinceSnapshot, upsertSnapshot } from './snapshot-table.ts';

const pageSize = 500;
const conflictDelayMs = backoff({ firstMs: 2, maxMs: 100, jitter: [0, 1] });
const empty = { state: undefined, version: 0n, lastTimeMs: 0 };

/** Binds a definition to the event store that holds its streams. */
export function createAggregates<State, Body extends { readonly type: string }>(
  definition: AggregateDefinition<State, Body>,
  { storage, store, clock, logger, outbox, publish: publishDefault }: AggregateOptions<Body>,
): Aggregates<State, Body> {
  const { category, events, evolve, snapshots } = definition;
  const streamOf = (id: string): string => `${category}-${id}`;

  async function load(db: Queryable, id: string, upTo: bigint): Promise<Loaded<State>> {
    const stream = streamOf(id);
    const since =
      snapshots && (await selectSinceSnapshot(db, stream, snapshots.schemaVersion, { upTo, limit: pageSize }));
    if (since !== undefined && since.snapshot?.isWhole !== false) {
      return await foldRemaining(db, id, foldSince(id, since), since.events, upTo);
    }
    const page = await selectStream(db, stream, { upTo, limit: pageSize });
    if (snapshots && page.length > 0) {
      // Without one, the first event was appended between the two statements.
      const version = since?.snapshot?.version ?? (await lastSnapshotVersion(db, stream));
      const problem = since ? 'corrupt (checksum mismatch)' : 'of another history: its events are missing';
      if (version > 0n) logger.warn({ stream, version }, `snapshot ${problem}; replaying all events instead`);
    }
    return await foldRemaining(db, id, fold(id, empty, page), page, upTo);
  }

  /** The snapshot has its own event, the first one. */
  function foldSince(id: string, { snapshot, events: page }: PageSinceSnapshot): Loaded<State> {
    const [first, ...others] = page;
    if (snapshots === undefined || snapshot === undefined || first === undefined) return fold(id, empty, page);
    const state = snapshots.decode(JSON.parse(snapshot.state) as JsonObject);
    return fold(id, { state, version: snapshot.version, lastTimeMs: first.timeMs }, others);
  }

  async function foldRemaining(
    db: Queryable,
    id: string,
    from: Loaded<State>,
    firstPage: readonly RecordedEvent[],
    upTo: bigint,
  ): Promise<Loaded<State>> {
    let loaded = from;
    for (let page = firstPage; page.length === pageSize; loaded = fold(id, loaded, page)) {
      page = await selectStream(db, streamOf(id), { after: loaded.version, upTo, limit: pageSize });
    }
    return loaded;
  }

  function fold(id: string, from: Loaded<State>, page: readonly RecordedEvent[]): Loaded<State> {
    const last = page.at(-1);
    if (last === undefined) return from;
    const state = page.reduce((before, event) => evolve(before, events.decode(event), event, id), from.state);
    return { state, version: last.version, lastTimeMs: last.timeMs };
  }

  async function saveSnapshot(tx: Transaction, stream: string, { state, version }: Loaded<State>): Promise<void> {
    if (snapshots === undefined || state === undefined) return;
    const { schemaVersion, encode } = snapshots;
    upsertSnapshot(tx, stream, { version, schemaVersion, state: JSON.stringify(encode(state)) });
  }

  const aggregates: Aggregates<State, Body> = {
    definition,
    streamOf,
    async load(db, id, past = { version: maxInt64 }) {
      return await load(db, id, 'version' in past ? past.version : await versionAsOf(db, streamOf(id), past.timeMs));
    },
    async *read(id, range, signal) {
      for await (const event of store.read(streamOf(id), range, signal)) yield { event, body: events.decode(event) };
    },
    change: (id, decide, options, signal) =>
      retryOnConflict(clock, signal, () =>
        storage.transaction((tx) => aggregates.changeIn(tx, id, decide, options), {
          commitGroup: streamOf(id),
          ...(signal && { signal }),
        }),
      ),
    async changeIn(tx, id, decide, { correlationId, timeMs, publish = publishDefault }) {
      const loaded = await load(tx, id, maxInt64);
      const bodies = [decide(loaded.state) ?? []].flat() as readonly Body[];
      const cause = { correlationId, timeMs: Math.max(timeMs, loaded.lastTimeMs) };
      const changed = await aggregates.append(tx, id, loaded, bodies, cause);
      const { state } = changed;
      if (state === undefined) {
        throw new Error(
          `decide returned no event for ${streamOf(id)}, which is empty: return an event, or throw to refuse`,
        );
      }
      if (publish) await publishIn(tx, publish, id, changed.recorded, bodies);
      return { ...changed, state };
    },
    transact: (id, { once, requestId, signal }, work) =>
      retryOnConflict(clock, signal, () =>
        once((tx) => work(tx, { correlationId: requestId, timeMs: clock.now() }), {
          commitGroup: streamOf(id),
          signal,
        }),
      ),
    async append(tx, id, loaded, bodies, cause) {
      if (bodies.length === 0) return { ...loaded, recorded: [] };
      const stream = streamOf(id);
      const added = bodies.map((body) => ({ ...events.encode(body), ...cause }));
      const recorded = await store.appendIn(tx, stream, loaded.version, added);
      const after = fold(id, loaded, recorded);
      const every = BigInt(snapshots?.every ?? maxInt64);
      if (after.version / every > loaded.version / every) await saveSnapshot(tx, stream, after);
      return { ...after, recorded };
    },
    saveSnapshot: async (tx, id) => await saveSnapshot(tx, streamOf(id), await load(tx, id, maxInt64)),
  };

  async function publishIn(
    tx: Transaction,
    publish: PublishedEvent<Body>,
    id: string,
    recorded: readonly RecordedEvent[],
    bodies: readonly Body[],
  ): Promise<void> {
    if (outbox === undefined) throw new Error(`${category} publishes events: pass createAggregates an outbox`);
    for (const [index, event] of recorded.entries()) {
      const published = publish(event, bodies[index] as Body, id);
      if (published) await outbox.addEvent(tx, published);
    }
  }

  return aggregates;
}

/** Runs a change again after a random, growing delay while it throws `STREAM_CONFLICT`, until `signal` aborts. */
async function retryOnConflict<T>(clock: Clock, signal: AbortSignal | undefined, change: () => Promise<T>): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await change();
    } catch (error) {
      if (!streamConflict.is(error) || signal?.aborted) throw error;
      await sleep(clock, conflictDelayMs(failures), signal);
      if (signal?.aborted) throw error;
    }
  }
}
