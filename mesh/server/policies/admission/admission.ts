import type { CallEndListener } from '../../../engines/engine.ts';

/** A call that wants its handler to begin. */
export interface EnteringCall {
  readonly path: string;
  /** The connection that it came over. */
  readonly peer: string;
  /** What its request takes of memory while it waits. */
  readonly requestBytes: number;
  /** Whether it has ended: nobody waits for its answer. */
  readonly isOver: boolean;
  /** Milliseconds left until its deadline, 0 when that has passed, `Infinity` without one. */
  remainingMs(): number;
  /** Who learns that the call ended otherwise than by its answer. One listener a call; `undefined` takes it away. */
  listenForEnd(listener: CallEndListener | undefined): void;
}

/** How a handler works: until it returns, or also for as long as a peer sends, reads or watches. */
export type Work = 'once' | 'streaming';

/** What a handler has that was let in. It counts until `leave`, also when its call has ended long before. */
export interface Place {
  /**
   * Before a streaming handler works again: takes a slot. `undefined` when it has one; else it resolves when it has, also
   * when the call has ended: a handler that has begun needs a slot to end, too.
   */
  work(): Promise<unknown> | undefined;
  /** The handler waits for its peer or for a change, not for work: its slot goes to the next that needs one. */
  rest(): void;
  /** The handler has returned. */
  leave(): void;
}

/**
 * Decides when the handler of a call begins, and whether it does at all. It is asked once the whole request has come, and
 * answers after everything that came together with it was read.
 */
export interface Admission {
  /**
   * Resolves when the handler may begin. Throws RESOURCE_EXHAUSTED `SERVER_OVERLOADED` when too many wait; rejects with
   * DEADLINE_EXCEEDED or CANCELLED when the call ends before its turn: then nothing of it is done.
   */
  enter(call: EnteringCall, work: Work): Promise<Place>;
}

const place: Place = { work: () => undefined, rest: () => undefined, leave: () => undefined };
const entered = Promise.resolve(place);

/**
 * Lets every call in, once what came together with it was read. For services of the runtime that answer from memory, health
 * and reflection: an overloaded server has to be able to say that it lives, and a watch of its health may be endless.
 */
export const openAdmission: Admission = { enter: () => entered };
