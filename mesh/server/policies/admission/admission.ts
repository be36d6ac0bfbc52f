import type { CallEndListener } from '../../../engines/engine.ts';

/** A call that waits for its handler to start. */
export interface EnteringCall {
  readonly path: string;
  /** Its connection. */
  readonly peer: string;
  /** Bytes of its request, once it is decompressed. */
  readonly requestBytes: number;
  /** Whether it has ended, so nobody waits for its response. */
  readonly isOver: boolean;
  /** Milliseconds left until its deadline: 0 after it, `Infinity` without one. */
  remainingMs(): number;
  /** Sets the listener that is notified if the call ends without its response; `undefined` removes it. One per call. */
  listenForEnd(listener: CallEndListener | undefined): void;
}

/** How a handler runs: until it returns, or as long as a peer sends, reads or watches. */
export type Work = 'once' | 'streaming';

/** The place of a started handler. It counts until `leave`, even if its call ended long before. */
export interface Place {
  /**
   * Takes a slot before a streaming handler runs again. `undefined` if it has one; otherwise resolves when it has, even if
   * the call has ended: a started handler needs a slot to end too.
   */
  work(): Promise<unknown> | undefined;
  /** The handler is idle: it waits for its peer or for a change, and its slot goes to the next that needs one. */
  rest(): void;
  /** Counts bytes of its request as waiting; a negative number, as no longer. */
  hold(bytes: number): void;
  /** The handler has returned. */
  leave(): void;
}

/**
 * Decides whether and when the handler of a call starts. It is asked once the request has arrived completely, and answers
 * after everything that arrived with it was read.
 */
export interface Admission {
  /**
   * Resolves when the handler may start. Throws RESOURCE_EXHAUSTED `SERVER_OVERLOADED` if too many wait; rejects with
   * DEADLINE_EXCEEDED or CANCELLED if the call ends before its turn.
   */
  enter(call: EnteringCall, work: Work): Promise<Place>;
}

const place: Place = { work: () => undefined, rest: () => undefined, hold: () => undefined, leave: () => undefined };
const entered = Promise.resolve(place);

/**
 * Starts every call. For health and reflection, which answer from memory: an overloaded server must be able to report that
 * it is alive, and a watch of its health may never end.
 */
export const openAdmission: Admission = { enter: () => entered };
