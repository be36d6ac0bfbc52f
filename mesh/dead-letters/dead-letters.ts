/** Where a dead letter comes from. */
export type DeadLetterSource = 'event' | 'task' | 'saga';

/** Something that could not be handled, whole: nothing of it is lost while it lies here. */
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
  /** What the last try said. */
  readonly error: string;
  readonly attempts: number;
  readonly payload: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  /** The event's key, the task's id, the saga's subject. */
  readonly subjectId: string;
  readonly firstTimeMs: number;
  readonly lastTimeMs: number;
}

/** Which dead letters are meant; what is not set matches all. */
export interface DeadLetterFilter {
  readonly source?: DeadLetterSource;
  readonly origin?: string;
  readonly reason?: string;
}

/** The dead letters of one owner, or of many as one list. */
export interface DeadLetterQueue {
  /** In id order, after `afterId`. */
  list(filter: DeadLetterFilter, afterId: string): AsyncIterable<DeadLetter>;
  get(id: string): Promise<DeadLetter | undefined>;
  /** Hands it to its handler again and takes it off the list; false when it is not (any more) in this box. */
  redrive(id: string): Promise<boolean>;
  /** Takes it off the list for good and keeps the note; false when it is not in this box. */
  discard(id: string, note: string): Promise<boolean>;
}
