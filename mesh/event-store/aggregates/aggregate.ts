import type { Queryable, Transaction } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { maxInt64 } from '../../values/int64.ts';
import type { JsonObject } from '../../values/json.ts';
import type { EventStore, RecordedEvent } from '../event-store.ts';
import { selectStream } from '../streams/event-table.ts';
import type { EventTypes } from './event-types.ts';
import { type Snapshot, selectSnapshot, upsertSnapshot } from './snapshot-table.ts';

/** A kind of thing whose history is a stream of events, and whose state is what they add up to. */
export interface AggregateDefinition<State, Body extends { readonly type: string }> {
  /** `account`: the stream of `acc1` is `account-acc1`. */
  readonly category: string;
  /** The state before the first event. */
  readonly initial: State;
  readonly events: EventTypes<Body>;
  /** The state after an event: a pure function. */
  evolve(state: State, body: Body, event: RecordedEvent): State;
  readonly snapshots: {
    /** A snapshot is kept each time so many events were added: as many at most are read to know the state. */
    readonly every: number;
    /** To be counted up with a change of `encode` or `evolve`; older snapshots are not used then. */
    readonly schemaVersion: number;
    encode(state: State): JsonObject;
    decode(data: JsonObject): State;
  };
}

/** A state and the version of the stream that it is of: 0 before the first event. */
export interface Loaded<State> {
  readonly state: State;
  readonly version: bigint;
}

/** What an event is added with. */
export interface EventMetadata {
  readonly correlationId: string;
  readonly timeMs: number;
}

/** Reads and changes the things of one kind. */
export interface Aggregates<State, Body extends { readonly type: string }> {
  readonly definition: AggregateDefinition<State, Body>;
  streamOf(id: string): string;
  /** The state of a thing now or, with `upTo`, as it was at that version or, where it has not come so far, its last. */
  load(db: Queryable, id: string, upTo?: bigint): Promise<Loaded<State>>;
  /**
   * Adds what was decided on a loaded state, and returns the state after it. ABORTED `STREAM_CONFLICT` when another change
   * came first: load again, and decide again.
   */
  append(
    tx: Transaction,
    id: string,
    loaded: Loaded<State>,
    bodies: readonly Body[],
    metadata: EventMetadata,
  ): Promise<Loaded<State> & { readonly recorded: readonly RecordedEvent[] }>;
  /** Keeps a snapshot of what a thing is now, whatever its version. */
  keepSnapshot(tx: Transaction, id: string): Promise<void>;
}

const pageSize = 500;

/** Binds a definition to the store that its events are kept in. */
export function createAggregates<State, Body extends { readonly type: string }>(
  store: EventStore,
  definition: AggregateDefinition<State, Body>,
  logger: Logger,
): Aggregates<State, Body> {
  const { category, initial, events, evolve, snapshots } = definition;
  const streamOf = (id: string): string => `${category}-${id}`;
  const fold = (from: Loaded<State>, page: readonly RecordedEvent[]): Loaded<State> => ({
    state: page.reduce((state, event) => evolve(state, events.decode(event), event), from.state),
    version: page.at(-1)?.version ?? from.version,
  });

  async function load(db: Queryable, id: string, upTo = maxInt64): Promise<Loaded<State>> {
    const stream = streamOf(id);
    const snapshot = await selectSnapshot(db, stream, snapshots.schemaVersion, upTo);
    const begin = snapshot?.isWhole ? usable(snapshot) : undefined;
    if (snapshot && !begin) {
      logger.warn(
        { stream, version: snapshot.version },
        'a snapshot is not as it was written: the events are read instead',
      );
    }
    if (begin !== undefined) {
      // With the event that it was taken after: without that it is of a history that is not here.
      const page = await selectStream(db, stream, { after: begin.version - 1n, upTo, limit: pageSize });
      if (page[0]?.version === begin.version) return await goOn(db, stream, fold(begin, page.slice(1)), page, upTo);
      logger.warn({ stream, version: begin.version }, 'a snapshot is of events that are not there: it is not used');
    }
    const nothing = { state: initial, version: 0n };
    const page = await selectStream(db, stream, { upTo, limit: pageSize });
    return await goOn(db, stream, fold(nothing, page), page, upTo);
  }

  async function goOn(
    db: Queryable,
    stream: string,
    from: Loaded<State>,
    firstPage: readonly RecordedEvent[],
    upTo: bigint,
  ): Promise<Loaded<State>> {
    let loaded = from;
    for (let page = firstPage; page.length === pageSize; loaded = fold(loaded, page)) {
      page = await selectStream(db, stream, { after: loaded.version, upTo, limit: pageSize });
    }
    return loaded;
  }

  function usable({ version, state }: Snapshot): Loaded<State> {
    return { state: snapshots.decode(JSON.parse(state) as JsonObject), version };
  }

  async function keep(tx: Transaction, stream: string, { state, version }: Loaded<State>): Promise<void> {
    const { schemaVersion, encode } = snapshots;
    await upsertSnapshot(tx, stream, { version, schemaVersion, state: JSON.stringify(encode(state)) });
  }

  return {
    definition,
    streamOf,
    load,
    keepSnapshot: async (tx, id) => await keep(tx, streamOf(id), await load(tx, id)),
    async append(tx, id, loaded, bodies, metadata) {
      const stream = streamOf(id);
      const added = bodies.map((body) => ({ ...events.encode(body), ...metadata }));
      const recorded = await store.appendIn(tx, stream, loaded.version, added);
      const after = fold(loaded, recorded);
      const every = BigInt(snapshots.every);
      if (after.version / every > loaded.version / every) await keep(tx, stream, after);
      return { ...after, recorded };
    },
  };
}
