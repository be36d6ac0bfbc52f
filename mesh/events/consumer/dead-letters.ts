import type { DeadLetter, DeadLetterFilter, DeadLetterQueue } from '../../dead-letters/dead-letters.ts';
import type { StoredEvent } from '../log/event-log.ts';

const placeHeaders = {
  key: 'dead-letter-key',
  partition: 'dead-letter-partition',
  offset: 'dead-letter-offset',
  time: 'dead-letter-event-time',
};

/** How it failed. */
export interface EventFailure {
  readonly reason: string;
  readonly error: string;
  readonly attempts: number;
  readonly firstTimeMs: number;
  readonly lastTimeMs: number;
}

/** The dead letter of an event: its bytes and headers as they were, and its place in the log in headers of our own. */
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

/** The event of a dead letter, as it was delivered. */
export function eventOfDeadLetter(letter: DeadLetter): StoredEvent {
  const {
    [placeHeaders.key]: key = letter.subjectId,
    [placeHeaders.partition]: partition = '0',
    [placeHeaders.offset]: offset = '0',
    [placeHeaders.time]: time = `${letter.firstTimeMs}`,
    ...headers
  } = letter.headers;
  return {
    topic: letter.origin.slice(0, letter.origin.lastIndexOf('/')),
    key,
    headers,
    value: letter.payload,
    timeMs: Number(time),
    partition: Number(partition),
    offset: BigInt(offset),
  };
}

/** Of a box that several groups share, the letters of one. */
export function deadLettersOf(group: string, box: DeadLetterQueue): DeadLetterQueue {
  const isOurs = (letter: DeadLetter) => letter.origin.endsWith(`/${group}`);

  async function* list(filter: DeadLetterFilter, afterId: string): AsyncGenerator<DeadLetter> {
    for await (const letter of box.list(filter, afterId)) if (isOurs(letter)) yield letter;
  }

  async function get(id: string): Promise<DeadLetter | undefined> {
    const letter = await box.get(id);
    return letter && isOurs(letter) ? letter : undefined;
  }

  return {
    list,
    get,
    redrive: async (id) => (await get(id)) !== undefined && (await box.redrive(id)),
    discard: async (id, note) => (await get(id)) !== undefined && (await box.discard(id, note)),
  };
}
