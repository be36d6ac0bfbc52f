/** What a dead letter is made of. */
export type DeadLetterSource = 'event' | 'task' | 'saga';

/** An event, task or saga that could not be handled, with its complete content. It awaits redrive or discard. */
export interface DeadLetter {
  /** Sorts by time. */
  readonly id: string;
  readonly source: DeadLetterSource;
  /** `order.events/notification-service`, `email-jobs`, `place-order`. */
  readonly origin: string;
  /**
   * UPPER_SNAKE: `UNDECODABLE`, `HANDLER_FAILED`, `ATTEMPTS_EXHAUSTED`, `UNDO_REFUSED`, `STEP_REFUSED`, or the error's
   * own reason.
   */
  readonly reason: string;
  /** Error of the last attempt. */
  readonly error: string;
  readonly attempts: number;
  readonly payload: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  /** The event's key, the task's id, the saga's subject. */
  readonly subjectId: string;
  readonly firstTimeMs: number;
  readonly lastTimeMs: number;
  /** Unset while it is open. */
  readonly closing?: DeadLetterClosing;
}

/** How a dead letter left the list. */
export interface DeadLetterClosing {
  readonly outcome: 'redriven' | 'discarded';
  /** Why an operator discarded it. Empty if it was redriven. */
  readonly note: string;
  readonly timeMs: number;
  /** The id of the call that closed it, which the log has as `request_id`. Empty if it is not known. */
  readonly requestId: string;
}

/** A dead letter in a list, where large contents are cut. */
export interface ListedDeadLetter extends DeadLetter {
  /** Set if `payload` is only its beginning, or if `headers` are left out. `get` returns both. */
  readonly cut?: { readonly payloadBytes: number; readonly headers: boolean };
}

/** The maximum size of a payload in a list. */
export const maxListedPayloadBytes = 4 * 1024;
/** The maximum size of the headers in a list, as JSON. */
export const maxListedHeaderBytes = 16 * 1024;
/** The maximum size of an error. */
export const maxErrorBytes = 4 * 1024;

/** Returns the dead letter as it is in a list. */
export function asListed(deadLetter: DeadLetter): ListedDeadLetter {
  const { payload, headers } = deadLetter;
  const areHeadersCut = Buffer.byteLength(JSON.stringify(headers)) > maxListedHeaderBytes;
  if (payload.length <= maxListedPayloadBytes && !areHeadersCut) return deadLetter;
  return {
    ...deadLetter,
    payload: payload.subarray(0, maxListedPayloadBytes),
    headers: areHeadersCut ? {} : headers,
    cut: { payloadBytes: payload.length, headers: areHeadersCut },
  };
}

/** Selects dead letters. A field that is not set matches all. */
export interface DeadLetterFilter {
  readonly source?: DeadLetterSource;
  readonly origin?: string;
  readonly reason?: string;
}

/** How many dead letters have one source and origin. */
export interface DeadLetterCount {
  readonly source: DeadLetterSource;
  readonly origin: string;
  readonly count: number;
  /** When the first of them was first attempted. */
  readonly oldestTimeMs: number;
}

/** The dead letters of one owner, or of several owners combined. */
export interface DeadLetterQueue {
  /** Yields dead letters in id order, after `afterId`. Large payloads and headers are cut, so a page has a bounded size. */
  list(filter: DeadLetterFilter, afterId: string): AsyncIterable<ListedDeadLetter>;
  /** Returns a dead letter completely. A closed one has its `closing`, and is returned if its queue still keeps it. */
  get(id: string): Promise<DeadLetter | undefined>;
  /** Counts them by source and origin, without reading them. */
  count(): Promise<DeadLetterCount[]>;
  /** Handles it again and takes it off the list. Returns false if it is not, or no longer, in this queue. */
  redrive(id: string): Promise<boolean>;
  /** Takes it off the list permanently and stores the note. Returns false if it is not in this queue. */
  discard(id: string, note: string): Promise<boolean>;
}
