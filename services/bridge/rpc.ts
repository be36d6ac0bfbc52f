import type { EventServiceHandlers, ValidPublishRequest } from '#gen/events/v1/events.contract.ts';
import { type EventRecord, Start, type SubscribeRequest } from '#gen/events/v1/events.ts';
import { type Clock, type EventLog, type IdleWait, readAttributes, type StartPosition, type StoredEvent } from '#mesh';
import { impossibleOffsets } from './errors.ts';
import { type PublishResult, publishEvent } from './publish-event.ts';

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
    subscribe: (request, { signal, idle }) => subscribe(events, request, AbortSignal.any([signal, draining]), idle),
  };
}

async function* subscribe(
  events: EventLog,
  request: SubscribeRequest,
  signal: AbortSignal,
  idle: IdleWait,
): AsyncGenerator<EventRecord> {
  const types = new Set(request.types);
  for await (const event of followTopic(events, request.topic, startOf(request.from), signal, idle)) {
    if (request.key !== '' && event.key !== request.key) continue;
    const record = recordOf(event);
    if (types.size > 0 && !types.has(record.type)) continue;
    yield record;
  }
}

function startOf(from: SubscribeRequest['from']): StartPosition {
  switch (from?.$case) {
    case 'offsets':
      return {
        at: 'offsets',
        offsets: new Map(
          Object.entries(from.value.byPartition).map(([partition, offset]) => [Number(partition), offset]),
        ),
      };
    case 'time':
      return { at: 'time', timeMs: from.value.getTime() };
    default:
      return { at: from?.value === Start.START_BEGINNING ? 'beginning' : 'latest' };
  }
}

/** Subscribers at the end of a topic get the same event, so it is described once for all of them. */
const records = new WeakMap<StoredEvent, EventRecord>();

function recordOf(event: StoredEvent): EventRecord {
  const known = records.get(event);
  if (known !== undefined) return known;
  const { id, type } = readAttributes(event);
  const { topic, partition, offset, key, headers, value, timeMs } = event;
  const record = {
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

/**
 * Reads a topic from a position until `signal` aborts, and throws what it aborts with. Refuses an unknown topic, and
 * offsets of partitions that the topic does not have.
 */
async function* followTopic(
  events: EventLog,
  topic: string,
  from: StartPosition,
  signal: AbortSignal,
  idle: IdleWait,
): AsyncGenerator<StoredEvent> {
  if (from.at === 'offsets') await refuseImpossible(events, topic, from.offsets);
  yield* events.read(topic, from, signal, idle);
  // The log ends without an error; the caller must learn why.
  signal.throwIfAborted();
}

async function refuseImpossible(events: EventLog, topic: string, offsets: ReadonlyMap<number, bigint>): Promise<void> {
  const ends = await events.endOffsets(topic);
  const impossible = [...offsets].filter(([partition, offset]) => !ends.has(partition) || offset < 0n);
  if (impossible.length > 0)
    throw impossibleOffsets(
      impossible.map(([partition]) => partition),
      ends.size,
    );
}
