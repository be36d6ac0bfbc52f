import type { Finding } from '../../audit/audit.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import type { Queryable, Storage } from '../../storage/storage.ts';
import { eventMissing, snapshotDiffers } from '../errors.ts';
import type { EventStore, RecordedEvent } from '../event-store.ts';
import type { AggregateDefinition } from './aggregate.ts';
import { lastSnapshotVersion, readSnapshots, type Snapshot } from './snapshot-table.ts';

export interface StreamAudit<State, Body extends { readonly type: string }> {
  readonly storage: Storage;
  readonly store: EventStore;
  readonly stream: string;
  readonly definition: AggregateDefinition<State, Body>;
  /** Called with each event and the states before and after it. Returns what is wrong. */
  readonly each: (event: RecordedEvent, body: Body, before: State | undefined, after: State) => readonly Finding[];
  readonly signal: AbortSignal;
}

/**
 * Checks a stream: its versions have no gap, each event is intact and readable, and each snapshot equals the state of the
 * events up to it. Stops at the first event that cannot be read.
 */
export async function* auditStream<State, Body extends { readonly type: string }>({
  storage,
  store,
  stream,
  definition,
  each,
  signal,
}: StreamAudit<State, Body>): AsyncGenerator<Finding> {
  // Read before the events, so no snapshot up to it is newer than the last event read.
  const lastSnapshot = await lastSnapshotVersion(storage, stream);
  // Read next to the events: a long stream has many.
  const snapshots = readSnapshots(storage, stream, lastSnapshot, signal);
  let snapshot = await nextOf(snapshots);
  const id = stream.slice(definition.category.length + 1);
  let state: State | undefined;
  let version = 0n;
  try {
    for await (const event of store.read(stream, {}, signal)) {
      const before = state;
      const body = definition.events.decode(event);
      const after = definition.evolve(before, body, event, id);
      state = after;
      version = event.version;
      yield* each(event, body, before, after);
      if (snapshot?.version !== version) continue;
      if (snapshot.schemaVersion === definition.snapshots?.schemaVersion) {
        const expected = JSON.stringify(definition.snapshots.encode(after));
        if (snapshot.state !== expected) yield snapshotDiffersFinding(stream, version, snapshot.state, expected);
      }
      snapshot = await nextOf(snapshots);
    }
  } catch (error) {
    return yield eventFault(stream, error);
  }
  if (lastSnapshot > version) yield lastMissing(stream, version + 1n);
}

async function nextOf(snapshots: AsyncGenerator<Snapshot>): Promise<Snapshot | undefined> {
  const next = await snapshots.next();
  return next.done ? undefined : next.value;
}

/** Returns the finding for an error of reading a stream. Rethrows errors that do not concern the stream. */
export function eventFault(stream: string, error: unknown): Finding {
  if (!(error instanceof MeshError) || !error.metadata.version) throw error;
  return { reason: error.reason, ids: [stream, error.metadata.version], message: error.message };
}

/** Yields the names of the streams that start with `prefix`, in order. */
export async function* streamsAfter(db: Queryable, prefix: string, signal: AbortSignal): AsyncGenerator<string> {
  let after = prefix;
  for (;;) {
    signal.throwIfAborted();
    // Searches all events, so a stream whose first event is gone is not skipped. Each step is one index lookup.
    const [row] = await db.query<{ stream: string | null }>(
      'SELECT MIN(stream) AS stream FROM event WHERE stream > $1',
      [after],
    );
    if (!row?.stream?.startsWith(prefix)) return;
    yield row.stream;
    after = row.stream;
  }
}

function lastMissing(stream: string, version: bigint): Finding {
  return {
    reason: eventMissing.reason,
    ids: [stream, version.toString()],
    message: `event ${version} of ${stream} is missing, but a snapshot includes it: restore it from a backup`,
  };
}

function snapshotDiffersFinding(stream: string, version: bigint, found: string, expected: string): Finding {
  return {
    reason: snapshotDiffers.reason,
    ids: [stream, version.toString()],
    message: `the snapshot of ${stream} at version ${version} is ${found}, but its events add up to ${expected}: delete its row in event_snapshot while the mesh is stopped; a new one is saved later`,
  };
}
