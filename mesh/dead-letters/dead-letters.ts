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
  /** Yields dead letters in id order, after `afterId`. */
  list(filter: DeadLetterFilter, afterId: string): AsyncIterable<DeadLetter>;
  get(id: string): Promise<DeadLetter | undefined>;
  /** Counts them by source and origin, without reading them. */
  count(): Promise<DeadLetterCount[]>;
  /** Handles it again and takes it off the list. Returns false if it is not, or no longer, in this queue. */
  redrive(id: string): Promise<boolean>;
  /** Takes it off the list permanently and stores the note. Returns false if it is not in this queue. */
  discard(id: string, note: string): Promise<boolean>;
}
