import type { Finding } from '../audit/audit.ts';
import { MeshError } from '../errors/mesh-error.ts';
import type { Queryable, Storage } from '../storage/storage.ts';
import type { AggregateDefinition } from './aggregate.ts';
import type { EventStore, RecordedEvent } from './event-store.ts';
import { selectSnapshots } from './snapshot-table.ts';

/** What a stream is checked with. */
export interface StreamAudit<State, Body extends { readonly type: string }> {
  readonly storage: Storage;
  readonly store: EventStore;
  readonly stream: string;
  readonly definition: AggregateDefinition<State, Body>;
  /** Called with each event, and the states before and after it. */
  readonly each: (event: RecordedEvent, before: State, after: State) => void;
  readonly signal: AbortSignal;
}

/**
 * Checks a stream: its versions have no gap, each event is as it was written and can be read, and each snapshot is what the
 * events up to it come to. Where an event cannot be read, what follows in the stream is not looked at.
 */
export async function* auditStream<State, Body extends { readonly type: string }>({
  storage,
  store,
  stream,
  definition,
  each,
  signal,
}: StreamAudit<State, Body>): AsyncGenerator<Finding> {
  const snapshots = await selectSnapshots(storage, stream);
  let state = definition.initial;
  let version = 0n;
  try {
    for await (const event of store.read(stream, {}, signal)) {
      if (event.version !== version + 1n) return yield missing(stream, version + 1n);
      const before = state;
      state = definition.evolve(state, definition.events.decode(event), event);
      version = event.version;
      each(event, before, state);
      const snapshot = snapshots.get(version);
      if (snapshot?.schemaVersion !== definition.snapshots.schemaVersion) continue;
      const expected = JSON.stringify(definition.snapshots.encode(state));
      if (snapshot.state !== expected) yield snapshotDiffers(stream, version, snapshot.state, expected);
    }
  } catch (error) {
    if (!(error instanceof MeshError) || !error.metadata.version) throw error;
    yield { reason: error.reason, ids: [stream, error.metadata.version], message: error.message };
    return;
  }
  for (const ahead of [...snapshots.keys()].filter((known) => known > version)) {
    // It may have been taken after the stream was read.
    if ((await store.getEvents(stream)).length < Number(ahead)) yield missing(stream, ahead);
  }
}

/** The streams whose names begin with `prefix`, in the order of their names, page by page. */
export async function* streamsAfter(db: Queryable, prefix: string, signal: AbortSignal): AsyncGenerator<string> {
  let after = prefix;
  for (;;) {
    signal.throwIfAborted();
    const rows = await db.query<{ stream: string }>(
      'SELECT stream FROM event WHERE version = 1 AND stream > $1 AND stream LIKE $2 ORDER BY stream LIMIT 500',
      [after, `${prefix}%`],
    );
    for (const { stream } of rows) yield stream;
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.stream;
  }
}

function missing(stream: string, version: bigint): Finding {
  return {
    reason: 'EVENT_MISSING',
    ids: [stream, version.toString()],
    message: `event ${version} of ${stream} is not there, though there is something that came after it: restore it from a backup`,
  };
}

function snapshotDiffers(stream: string, version: bigint, found: string, expected: string): Finding {
  return {
    reason: 'SNAPSHOT_DIFFERS',
    ids: [stream, version.toString()],
    message: `the snapshot of ${stream} at version ${version} is ${found}, but its events come to ${expected}: delete it, another is taken by itself`,
  };
}
