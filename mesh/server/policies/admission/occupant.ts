import type { CallEndListener } from '../../../engines/engine.ts';
import { cancelled } from '../../../errors/errors.ts';
import type { EnteringCall, Place } from './admission.ts';
import type { Line, Waiter } from './line.ts';

/** Assigns the slots. */
export interface Slots {
  /** Takes a slot without waiting; false if there is none, or others wait. */
  takeSlot(occupant: Occupant): boolean;
  /** Queues one that has to wait for a slot. */
  join(occupant: Occupant): void;
  /** It is idle and keeps its slot until another call needs it. */
  rest(occupant: Occupant): void;
  /** It is no longer idle and still has its slot. */
  resume(occupant: Occupant): void;
  /** The call ended while it waited to start. */
  giveUp(occupant: Occupant): void;
  /** Counts bytes of its request as waiting; a negative number, as no longer. */
  hold(occupant: Occupant, bytes: number): void;
  freeSlot(occupant: Occupant): void;
  /** The handler has returned or was never started. */
  left(occupant: Occupant): void;
  /** Monotonic, in milliseconds; 0 if the policy does not measure. */
  nowMs(): number;
}

/** A call that waits for a slot or has started. */
export class Occupant implements Place, CallEndListener, Waiter {
  readonly line: Line<Occupant>;
  readonly call: EnteringCall;
  readonly isStreaming: boolean;
  /** Whether it has a slot and uses it. Set by the admission. */
  slot: 'none' | 'working' | 'resting' = 'none';
  hasBegun = false;
  /** Bytes of its request while it waits. Set by the admission. */
  heldBytes: number;
  /** When it arrived, and when it got its first slot. */
  readonly cameMs: number;
  begunMs = 0;
  /** Its place in the line. Set by the line. */
  place = 0;
  readonly #slots: Slots;
  #resolve: ((place: Place) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  #turn: Promise<Place> | undefined;
  #hasLeft = false;

  constructor(slots: Slots, line: Line<Occupant>, call: EnteringCall, isStreaming: boolean) {
    this.#slots = slots;
    this.line = line;
    this.call = call;
    this.isStreaming = isStreaming;
    this.heldBytes = call.requestBytes;
    this.cameMs = slots.nowMs();
  }

  /** Resolves when it has a slot. One that has not started stops waiting when its call ends; others need a slot to end too. */
  wait(): Promise<Place> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      if (!this.hasBegun) this.call.listenForEnd(this);
      this.#slots.join(this);
    });
  }

  work(): Promise<Place> | undefined {
    if (this.slot === 'resting') {
      this.slot = 'working';
      this.#slots.resume(this);
    }
    if (this.slot === 'working' || this.#hasLeft || this.#slots.takeSlot(this)) return undefined;
    this.#turn ??= this.wait();
    return this.#turn;
  }

  rest(): void {
    if (this.slot !== 'working') return;
    this.slot = 'resting';
    this.#slots.rest(this);
  }

  hold(bytes: number): void {
    this.#slots.hold(this, bytes);
  }

  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    if (this.slot === 'resting') this.#slots.resume(this);
    if (this.slot !== 'none') this.#slots.freeSlot(this);
    this.slot = 'none';
    this.#slots.left(this);
  }

  abandoned(): void {
    this.#slots.giveUp(this);
    this.refuse(cancelled({ path: this.call.path }));
  }

  // Called by the admission.

  /** Starts or resumes it: it has a slot. */
  begin(): void {
    if (!this.hasBegun) {
      this.begunMs = this.#slots.nowMs();
      this.hasBegun = true;
      this.call.listenForEnd(undefined);
    }
    this.#turn = undefined;
    this.#resolve?.(this);
  }

  /** Rejects it before it starts. */
  refuse(error: unknown): void {
    this.call.listenForEnd(undefined);
    this.leave();
    this.#reject?.(error);
  }
}
