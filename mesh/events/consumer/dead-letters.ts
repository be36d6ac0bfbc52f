import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterQueue,
  ListedDeadLetter,
} from '../../dead-letters/dead-letters.ts';
import type { StoredEvent } from '../log/event-log.ts';

/** Takes the place of the group in the origin of an outbox's dead letter. No consumer may use it as its group. */
export const outboxOrigin = 'outbox';

const placeHeaders = {
  key: 'dead-letter-key',
  partition: 'dead-letter-partition',
  offset: 'dead-letter-offset',
  time: 'dead-letter-event-time',
};

export interface EventFailure {
  readonly reason: string;
  readonly error: string;
  readonly attempts: number;
  readonly firstTimeMs: number;
  readonly lastTimeMs: number;
}

/** Returns the dead letter of an event: its bytes and headers, and its position in the log as additional headers. */
export function eventToDeadLetter(event: StoredEvent, group: string, failure: EventFailure): Omit<DeadLetter, 'id'> {
  return {
    ...failure,
    source: 'event',
    origin: `${event.topic}/${group}`,
    payload: event.value,
    headers: {
      ...event.headers,
      [placeHeaders.key]: event.key,
      [placeHeaders.partition]: `${event.partition}`,
      [placeHeaders.offset]: `${event.offset}`,
      [placeHeaders.time]: `${event.timeMs}`,
    },
    subjectId: event.key,
  };
}

/** Returns the event of a dead letter, as it was delivered. */
export function eventOfDeadLetter(deadLetter: DeadLetter): StoredEvent {
  const {
    [placeHeaders.key]: key = deadLetter.subjectId,
    [placeHeaders.partition]: partition = '0',
    [placeHeaders.offset]: offset = '0',
    [placeHeaders.time]: time = `${deadLetter.firstTimeMs}`,
    ...headers
  } = deadLetter.headers;
  return {
    topic: deadLetter.origin.slice(0, deadLetter.origin.lastIndexOf('/')),
    key,
    headers,
    value: deadLetter.payload,
    timeMs: Number(time),
    partition: Number(partition),
    offset: BigInt(offset),
  };
}

/** Returns the dead letters of one group out of a queue that several groups share. */
export function deadLettersOf(group: string, shared: DeadLetterQueue): DeadLetterQueue {
  const isOurs = ({ origin }: Pick<DeadLetter, 'origin'>) => origin.endsWith(`/${group}`);

  async function* list(filter: DeadLetterFilter, afterId: string): AsyncGenerator<ListedDeadLetter> {
    for await (const deadLetter of shared.list(filter, afterId)) if (isOurs(deadLetter)) yield deadLetter;
  }

  async function get(id: string): Promise<DeadLetter | undefined> {
    const deadLetter = await shared.get(id);
    return deadLetter && isOurs(deadLetter) ? deadLetter : undefined;
  }

  return {
    list,
    get,
    count: async () => (await shared.count()).filter(isOurs),
    redrive: async (id) => (await get(id)) !== undefined && (await shared.redrive(id)),
    discard: async (id, note) => (await get(id)) !== undefined && (await shared.discard(id, note)),
  };
}
