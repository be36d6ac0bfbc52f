import type { Finding } from '../../audit/audit.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import type { Queryable, Storage } from '../../storage/storage.ts';
import type { EventStore, RecordedEvent } from '../event-store.ts';
import type { AggregateDefinition } from './aggregate.ts';
import { selectSnapshots } from './snapshot-table.ts';

/** What a stream is checked with. */
export interface StreamAudit<State, Body extends { readonly type: string }> {
  readonly storage: Storage;
  readonly store: EventStore;
  readonly stream: string;
  readonly definition: AggregateDefinition<State, Body>;
  /** Called with each event, and the states before and after it; what it finds is told. */
  readonly each: (event: RecordedEvent, body: Body, before: State | undefined, after: State) => readonly Finding[];
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
  // Before the events: none of them can be of one that comes meanwhile.
  const snapshots = await selectSnapshots(storage, stream);
  let state: State | undefined;
  let version = 0n;
  try {
    for await (const event of store.read(stream, {}, signal)) {
      const before = state;
      const body = definition.events.decode(event);
      const after = definition.evolve(before, body, event);
      state = after;
      version = event.version;
      yield* each(event, body, before, after);
      const snapshot = snapshots.get(version);
      if (definition.snapshots === undefined || snapshot?.schemaVersion !== definition.snapshots.schemaVersion)
        continue;
      const expected = JSON.stringify(definition.snapshots.encode(after));
      if (snapshot.state !== expected) yield snapshotDiffers(stream, version, snapshot.state, expected);
    }
  } catch (error) {
    return yield eventFault(stream, error);
  }
  if ([...snapshots.keys()].some((ahead) => ahead > version)) yield lastMissing(stream, version + 1n);
}

/** What is told of a stream that cannot be read. Throws what says nothing about the stream. */
export function eventFault(stream: string, error: unknown): Finding {
  if (!(error instanceof MeshError) || !error.metadata.version) throw error;
  return { reason: error.reason, ids: [stream, error.metadata.version], message: error.message };
}

/** The streams whose names begin with `prefix`, in the order of their names, one by one. */
export async function* streamsAfter(db: Queryable, prefix: string, signal: AbortSignal): AsyncGenerator<string> {
  let after = prefix;
  for (;;) {
    signal.throwIfAborted();
    // By all of a stream's events, so that one whose first is gone is not passed over; a step of the index each.
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
    reason: 'EVENT_MISSING',
    ids: [stream, version.toString()],
    message: `event ${version} of ${stream} is not there, though a snapshot has it in it: restore it from a backup`,
  };
}

function snapshotDiffers(stream: string, version: bigint, found: string, expected: string): Finding {
  return {
    reason: 'SNAPSHOT_DIFFERS',
    ids: [stream, version.toString()],
    message: `the snapshot of ${stream} at version ${version} is ${found}, but its events come to ${expected}: delete its row in event_snapshot while the mesh is stopped; another is taken by itself`,
  };
}
