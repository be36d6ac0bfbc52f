import type { EventServiceHandlers, ValidPublishRequest } from '#gen/events/v1/events.contract.ts';
import { type EventRecord, Start, type SubscribeRequest } from '#gen/events/v1/events.ts';
import {
  type Clock,
  type EventLog,
  type MeshCallContext,
  readAttributes,
  type StartPosition,
  type StoredEvent,
} from '#mesh';
import { impossibleOffsets } from './errors.ts';
import { parsePosition, type ReaderPosition, readerPosition } from './position.ts';
import { type PublishResult, publishEvent } from './publish-event.ts';

const maxHeaderLength = 4_096;

interface Deps {
  readonly events: EventLog;
  readonly clock: Clock;
  readonly draining: AbortSignal;
}

/** Implements `events.v1.EventService`. */
export function createEventRpc({ events, clock, draining }: Deps): EventServiceHandlers {
  return {
    listTopics: async () => ({ topics: await events.topics() }),
    publish: (request) => publishEvent(publishedEvent(request), { events, clock }),
    subscribe: (request, context) => subscribe(events, request, AbortSignal.any([context.signal, draining]), context),
  };
}

async function* subscribe(
  events: EventLog,
  request: SubscribeRequest,
  signal: AbortSignal,
  context: MeshCallContext,
): AsyncGenerator<EventRecord> {
  const types = new Set(request.types);
  const start = await startOf(events, request);
  const position = readerPosition(start.at === 'offsets' ? start.offsets : new Map());
  if (start.at === 'offsets') announce(position, context);
  // The caller shall know that it is subscribed, also if nothing is published.
  context.sendHeader();
  for await (const event of events.read(request.topic, start, signal, context.idle)) {
    position.advance(event);
    if (request.key !== '' && event.key !== request.key) continue;
    const record = recordOf(event);
    if (types.size > 0 && !types.has(record.type)) continue;
    yield { ...record, position: position.toString() };
  }
  // The log ends without an error; the caller must learn why.
  signal.throwIfAborted();
}

/** Says what the position before the first event is, so a stream that is cut off before that misses nothing. */
function announce(position: ReaderPosition, context: MeshCallContext): void {
  const text = position.toString();
  // Callers accept 8 KiB of metadata. A topic of so many partitions is not silent.
  if (text.length <= maxHeaderLength) context.header.set('resume-after', text);
}

/**
 * Returns where a subscription starts: at offsets, unless it is the beginning of all partitions, which stays where it is.
 * Throws NOT_FOUND `UNKNOWN_TOPIC`, and INVALID_ARGUMENT for offsets of partitions that the topic does not have.
 */
async function startOf(events: EventLog, { topic, from }: SubscribeRequest): Promise<StartPosition> {
  switch (from?.$case) {
    case 'offsets': {
      const entries = Object.entries(from.value.byPartition);
      const offsets = new Map(entries.map(([partition, offset]) => [Number(partition), offset]));
      await refuseImpossible(events, topic, offsets, (partition) => `offsets.by_partition[${partition}]`);
      return { at: 'offsets', offsets };
    }
    case 'position': {
      const offsets = parsePosition(from.value);
      await refuseImpossible(events, topic, offsets, () => 'position');
      return { at: 'offsets', offsets };
    }
    case 'time':
      return { at: 'offsets', offsets: await events.offsetsAt(topic, { at: 'time', timeMs: from.value.getTime() }) };
    default:
      if (from?.value === Start.START_BEGINNING) return { at: 'beginning' };
      return { at: 'offsets', offsets: await events.offsetsAt(topic, { at: 'latest' }) };
  }
}

async function refuseImpossible(
  events: EventLog,
  topic: string,
  offsets: ReadonlyMap<number, bigint>,
  fieldOf: (partition: number) => string,
): Promise<void> {
  const ends = await events.endOffsets(topic);
  const impossible = [...offsets].filter(([partition, offset]) => !ends.has(partition) || offset < 0n);
  if (impossible.length === 0) return;
  const fields = new Set(impossible.map(([partition]) => fieldOf(partition)));
  throw impossibleOffsets([...fields], ends.size);
}

/** Subscribers at the end of a topic get the same event, so it is described once for all of them. */
const records = new WeakMap<StoredEvent, SharedRecord>();

/** A record without the position, which differs by subscriber. */
type SharedRecord = Omit<EventRecord, 'position'>;

function recordOf(event: StoredEvent): SharedRecord {
  const known = records.get(event);
  if (known !== undefined) return known;
  const { id, type } = readAttributes(event);
  const { topic, partition, offset, key, headers, value, timeMs } = event;
  const record: SharedRecord = {
    topic,
    partition,
    offset,
    key,
    type,
    id,
    time: new Date(timeMs),
    headers: { ...headers },
    payload: value,
  };
  records.set(event, record);
  return record;
}

function publishedEvent({ value, ...event }: ValidPublishRequest): PublishResult {
  return { ...event, value: value.$case === 'json' ? { json: value.value } : { payload: value.value } };
}
