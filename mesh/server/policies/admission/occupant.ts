import type { CallEndListener } from '../../../engines/engine.ts';
import { cancelled } from '../../../errors/errors.ts';
import type { EnteringCall, Place } from './admission.ts';
import type { Line, Waiter } from './line.ts';

/** Who gives the slots. */
export interface Slots {
  /** Takes a slot without waiting; false when there is none, or others wait. */
  takeSlot(occupant: Occupant): boolean;
  /** Puts one into its line that has to wait for a slot. */
  join(occupant: Occupant): void;
  /** It keeps its slot until another call needs that. */
  rest(occupant: Occupant): void;
  /** It needs the slot again that it still has. */
  resume(occupant: Occupant): void;
  /** The call of one that waits, and has not begun, has ended. */
  giveUp(occupant: Occupant): void;
  freeSlot(occupant: Occupant): void;
  /** The handler has returned, or was never begun. */
  left(occupant: Occupant): void;
  /** Monotonic, in milliseconds; 0 where nobody measures. */
  nowMs(): number;
}

/** A call that waits for a slot or has been let in. */
export class Occupant implements Place, CallEndListener, Waiter {
  readonly line: Line<Occupant>;
  readonly call: EnteringCall;
  readonly isStreaming: boolean;
  /** Whether it has a slot, and needs it now. Kept by who gives them. */
  slot: 'none' | 'working' | 'resting' = 'none';
  hasBegun = false;
  /** Bytes of its request, until it is taken out of its line. Kept by who gives the slots. */
  heldBytes: number;
  /** When it came, and when it had its first slot. */
  readonly cameMs: number;
  begunMs = 0;
  /** Where it waits. Kept by its line. */
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

  /** Resolves when it has a slot. What has not begun gives up when its call ends; what has needs a slot to end, too. */
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

  // Of who gives the slots.

  /** It has a slot. */
  begin(): void {
    if (!this.hasBegun) {
      this.begunMs = this.#slots.nowMs();
      this.hasBegun = true;
      this.call.listenForEnd(undefined);
    }
    this.#turn = undefined;
    this.#resolve?.(this);
  }

  /** It is not begun. */
  refuse(error: unknown): void {
    this.call.listenForEnd(undefined);
    this.leave();
    this.#reject?.(error);
  }
}
