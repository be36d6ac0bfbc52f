import { crc32 } from 'node:zlib';
import type { Storage, Transaction } from '../../storage/storage.ts';
import { actorOfScope, currentScope } from '../../telemetry/call-scope.ts';
import { backoff } from '../../time/backoff.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { createWakeup } from '../../time/wakeup.ts';
import { yieldEvery } from '../../time/yield-to-event-loop.ts';
import { streamConflict, streamEventTooLarge } from '../errors.ts';
import type { EventStore, ExpectedVersion, RecordedEvent, StreamEvent, StreamRange } from '../event-store.ts';
import { eventStoreMigrations } from '../migrations.ts';
import {
  currentVersion,
  type EncodedEvent,
  insertEvent,
  lastPosition,
  selectAll,
  selectStream,
} from './event-table.ts';
import { createRecentEvents } from './recent-events.ts';
import { createSettledPosition } from './settled-position.ts';

export interface EventStoreOptions {
  readonly clock: Clock;
}

const pageSize = 500;
const maxEventBytes = 1024 * 1024;
/** Notified on every append. */
const channel = 'events_appended';
// A notification is lost if the process that sent it dies.
const sweepMs = 5_000;
const settlingDelayMs = backoff({ firstMs: 1, maxMs: 50 });
// How many concurrent appends an append at `any` version may lose to.
const maxRaces = 20;
const commitGroupCount = 4;
const maxLastVersions = 10_000;

/** Opens the event store in a service's database, and applies its migrations. */
export async function createEventStore(storage: Storage, { clock }: EventStoreOptions): Promise<EventStore> {
  await storage.migrate('event-store', eventStoreMigrations);
  const settledPosition = createSettledPosition(storage);
  // On PostgreSQL, other processes append, too: there it reads.
  const recent = storage.dialect === 'sqlite' ? createRecentEvents() : undefined;
  const lastVersions = createLastVersions();

  async function appendIn(
    tx: Transaction,
    stream: string,
    expectedVersion: ExpectedVersion,
    events: StreamEvent | readonly StreamEvent[],
  ): Promise<RecordedEvent[]> {
    const wanted = 'type' in events ? [events] : events;
    const actor = actorOfScope(currentScope());
    const encoded = wanted.map((event) => encode(stream, event, actor));
    const recorded: RecordedEvent[] = [];
    let expected = expectedVersion;
    for (const [index, event] of encoded.entries()) {
      const { version, position } = await appendOne(tx, stream, expected, event);
      recorded.push({
        ...(wanted[index] as StreamEvent),
        stream,
        version,
        position,
        ...(actor !== undefined && { actor }),
      });
      expected = version;
    }
    tx.afterCommit(() => {
      for (const [index, event] of recorded.entries())
        recent?.add(event, Buffer.byteLength(encoded[index]?.text ?? ''));
      storage.notify(channel);
    });
    return recorded;
  }

  async function appendOne(tx: Transaction, stream: string, expectedVersion: ExpectedVersion, event: EncodedEvent) {
    for (let races = 1; ; races += 1) {
      const expected = expectedVersion === 'any' ? await probableVersion(tx, stream) : expectedVersion;
      const version = expected + 1n;
      const position = await insertEvent(tx, stream, version, event);
      if (position !== undefined) {
        if (expectedVersion === 'any') lastVersions.set(stream, version);
        return { version, position };
      }
      if (expectedVersion === 'any' && races < maxRaces) continue;
      throw streamConflict({ stream, expectedVersion: expected, version: await currentVersion(tx, stream) });
    }
  }

  /** Returns the version of the last append at any version, once: it may have been rolled back. Otherwise reads it. */
  async function probableVersion(tx: Transaction, stream: string): Promise<bigint> {
    return lastVersions.take(stream) ?? (await currentVersion(tx, stream));
  }

  async function* read(stream: string, range: StreamRange = {}, signal?: AbortSignal): AsyncGenerator<RecordedEvent> {
    const yieldToOthers = yieldEvery();
    let { after = 0n, limit: left = Number.POSITIVE_INFINITY } = range;
    while (left > 0) {
      signal?.throwIfAborted();
      const limit = Math.min(pageSize, left);
      const page = await selectStream(storage, stream, { ...range, after, limit });
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < limit) return;
      after = last.version;
      left -= page.length;
      await yieldToOthers();
    }
  }

  async function* subscribe(after: bigint, maxEvents: number | (() => number), signal: AbortSignal) {
    const limitOf = typeof maxEvents === 'number' ? () => maxEvents : maxEvents;
    const wakeup = createWakeup();
    const endListening = storage.listen(channel, wakeup.ring);
    signal.addEventListener('abort', wakeup.ring);
    let position = after;
    let waits = 0;
    // A reader that starts reads the table, so it finds what the disk did to an event that is still in memory.
    let hasRead = false;
    try {
      while (!signal.aborted) {
        const known = hasRead ? (recent?.after(position, limitOf()) ?? []) : [];
        if (known.length > 0) {
          position = known.at(-1)?.position ?? position;
          waits = 0;
          yield known;
          continue;
        }
        hasRead = true;
        const { settled, allocated } = await settledPosition();
        const events = settled > position ? await selectAll(storage, position, settled, limitOf()) : [];
        position = events.at(-1)?.position ?? position;
        if (events.length > 0) yield events;
        if (events.length > 0 || settled === allocated) waits = 0;
        if (events.length > 0) continue;
        if (settled === allocated) {
          await waitForChange(wakeup);
        } else {
          waits += 1;
          await sleep(clock, settlingDelayMs(waits), signal);
        }
      }
    } finally {
      endListening();
      signal.removeEventListener('abort', wakeup.ring);
    }
  }

  async function waitForChange(wakeup: ReturnType<typeof createWakeup>): Promise<void> {
    const cancel = storage.exclusive ? undefined : clock.after(sweepMs, wakeup.ring);
    await wakeup.wait();
    cancel?.();
  }

  return {
    append: (stream, expectedVersion, events) =>
      storage.transaction((tx) => appendIn(tx, stream, expectedVersion, events), {
        commitGroup: commitGroupOf(stream),
      }),
    appendIn,
    read,
    getEvents: (stream) => Array.fromAsync(read(stream)),
    async readAll(after, limit) {
      const { settled } = await settledPosition();
      return settled > after ? await selectAll(storage, after, settled, limit) : [];
    },
    head: () => lastPosition(storage),
    subscribe,
  };
}

/** The versions of the streams that were appended to last. */
function createLastVersions() {
  const versions = new Map<string, bigint>();
  return {
    set(stream: string, version: bigint): void {
      if (versions.size === maxLastVersions) versions.delete(versions.keys().next().value ?? '');
      versions.set(stream, version);
    },
    take(stream: string): bigint | undefined {
      const version = versions.get(stream);
      versions.delete(stream);
      return version;
    },
  };
}

/** Appends of one stream are in one of a few commit groups: more would only wait for the disk. */
function commitGroupOf(stream: string): string {
  return `append-${crc32(stream) % commitGroupCount}`;
}

function encode(stream: string, { data, ...event }: StreamEvent, actor: string | undefined): EncodedEvent {
  const text = JSON.stringify(data);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxEventBytes) throw streamEventTooLarge({ stream, type: event.type, bytes, maxBytes: maxEventBytes });
  return { ...event, text, actor };
}
