import type { Storage, Transaction } from '../../storage/storage.ts';
import type { Clock } from '../../time/clock.ts';
import { ringInTurns } from '../../time/wakeup.ts';
import type { EventPosition, NewEvent } from '../log/event-log.ts';
import { insertRecords, type PlacedRow } from './file/insert-records.ts';
import { writePartition } from './file/meta-rows.ts';
import type { Head, Partition } from './file/partition.ts';
import { contentOf, type RecordRow, toStoredEvent } from './file/record.ts';
import { recordId } from './file/schema.ts';

/** An event with its partition. */
export interface PlacedEvent {
  readonly partition: Partition;
  readonly event: NewEvent;
}

/** The only writer of records, which assigns dense offsets. */
export interface Appender {
  /** Resolves when the events are durable. All of them are written or none. Concurrent calls share a commit. */
  append(events: readonly PlacedEvent[]): Promise<EventPosition[]>;
  /** Resolves when all earlier events are written or refused. */
  idle(): Promise<void>;
}

interface Job {
  readonly events: readonly PlacedEvent[];
  readonly resolve: (positions: EventPosition[]) => void;
  readonly reject: (error: unknown) => void;
}

const maxEventsPerCommit = 500;

export function createAppender(storage: Storage, clock: Clock): Appender {
  let queue: Job[] = [];
  let running: Promise<void> | undefined;
  let lastPayload: bigint | undefined;

  async function run(): Promise<void> {
    while (queue.length > 0) await commitNext();
    running = undefined;
  }

  async function commitNext(): Promise<void> {
    let jobs: readonly Job[] = [];
    try {
      const written = await storage.transaction(async (tx) => {
        // Taken this late, so all events of this turn share the commit. Only once: the work may run again.
        if (jobs.length === 0) jobs = takeJobs();
        return await writeJobs(tx, jobs, {
          nowMs: clock.now(),
          lastPayload: lastPayload ?? (await readLastPayload(tx)),
        });
      });
      lastPayload = written.lastPayload;
      advance(written);
      for (const [index, job] of jobs.entries()) job.resolve(written.positions[index] ?? []);
    } catch (error) {
      // If the transaction was refused before it began, no jobs were taken.
      for (const job of jobs.length > 0 ? jobs : takeJobs()) job.reject(error);
    }
  }

  function takeJobs(): Job[] {
    let events = 0;
    let count = 0;
    for (const job of queue) {
      events += job.events.length;
      if (count > 0 && events > maxEventsPerCommit) break;
      count += 1;
    }
    const taken = queue.slice(0, count);
    queue = queue.slice(count);
    return taken;
  }

  return {
    append: (events) =>
      new Promise((resolve, reject) => {
        queue.push({ events, resolve, reject });
        running ??= run();
      }),
    idle: async () => await running,
  };
}

interface Written {
  /** For each job, in the order of its events. */
  readonly positions: readonly EventPosition[][];
  readonly heads: ReadonlyMap<Partition, Head>;
  /** The new records of partitions that are read now. */
  readonly recent: ReadonlyMap<Partition, readonly RecordRow[]>;
  readonly lastPayload: bigint;
}

/** Retention always keeps the last payload, so no number is given twice. */
async function readLastPayload(tx: Transaction): Promise<bigint> {
  const [row] = await tx.query<{ last: bigint }>('SELECT COALESCE(MAX(seq), 0) AS last FROM record_payload');
  return row?.last ?? 0n;
}

async function writeJobs(
  tx: Transaction,
  jobs: readonly Job[],
  { nowMs, lastPayload }: { readonly nowMs: number; readonly lastPayload: bigint },
): Promise<Written> {
  const heads = new Map<Partition, Head>();
  const recent = new Map<Partition, RecordRow[]>();
  const rows: PlacedRow[] = [];
  const positions: EventPosition[][] = [];
  for (const job of jobs) {
    const placed: EventPosition[] = [];
    for (const { partition, event } of job.events) {
      const head = heads.get(partition) ?? partition.head;
      placed.push({ partition: partition.number, offset: head.offset });
      const row = rowOf(partition, head, event, { nowMs, payload: lastPayload + BigInt(rows.length + 1) });
      rows.push({ partition, row });
      heads.set(partition, headAfter(head, row));
      if (isRead(partition)) recent.set(partition, [...(recent.get(partition) ?? []), row]);
    }
    positions.push(placed);
  }
  await insertRecords(tx, rows);
  for (const [{ id, topic, number, start }, head] of heads) {
    await writePartition(tx, { id, topic, number: BigInt(number), start, head });
  }
  return { positions, heads, recent, lastPayload: lastPayload + BigInt(rows.length) };
}

function rowOf(
  partition: Partition,
  head: Head,
  event: NewEvent,
  { nowMs, payload }: { readonly nowMs: number; readonly payload: bigint },
): RecordRow {
  // An event with a future time must not keep a whole partition from ageing.
  const timeMs = BigInt(Math.trunc(event.timeMs));
  const agedMs = timeMs < nowMs ? timeMs : BigInt(nowMs);
  return {
    id: recordId(partition.id, head.offset),
    time_ms: timeMs,
    reached_ms: agedMs > head.reachedMs ? agedMs : head.reachedMs,
    start_bytes: head.bytes,
    key: event.key,
    headers: '',
    value: new Uint8Array(),
    skipped: 0n,
    payload,
    payload_headers: JSON.stringify(event.headers),
    payload_value: event.value,
  };
}

function headAfter(head: Head, row: RecordRow): Head {
  const { value } = contentOf(row);
  return { offset: head.offset + 1n, reachedMs: row.reached_ms, bytes: head.bytes + BigInt(value.length) };
}

function isRead({ listeners, readers }: Partition): boolean {
  return listeners.size + readers.size > 0;
}

function advance({ heads, recent }: Written): void {
  for (const [partition, head] of heads) {
    const rows = recent.get(partition);
    // A reader that came during the commit finds the records in the file.
    if (rows === undefined) partition.recent.clear();
    // A copy: the bytes belong to the publisher.
    for (const row of rows ?? []) {
      const stored = toStoredEvent(partition, row);
      const event = { ...stored, value: Uint8Array.from(stored.value) };
      partition.recent.add(event.offset, [event], event.offset + 1n);
    }
    partition.head = head;
    for (const listener of partition.listeners) listener();
    void ringInTurns(partition.readers);
  }
}
