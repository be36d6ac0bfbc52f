import type { CallEndListener } from '../../engines/engine.ts';
import { cancelled } from '../../errors/mesh-error.ts';
import type { EnteringCall, Place } from './admission.ts';
import type { Line, Waiter } from './line.ts';

/** Who gives the slots. */
export interface Slots {
  /** Takes a slot without waiting; false when there is none, or others wait. */
  takeSlot(occupant: Occupant): boolean;
  /** Puts one into its line that has to wait for a slot. */
  join(occupant: Occupant): void;
  /** The call of one that waits has ended. */
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
  /** Whether it has a slot. Kept by who gives them. */
  isWorking = false;
  /** Whether it has made no message since it was last looked at. */
  isSuspect = false;
  hasBegun = false;
  /** When it came, and when it had its first slot. */
  readonly cameMs: number;
  begunMs = 0;
  /** Where it waits. Kept by its line. */
  place = 0;
  readonly #slots: Slots;
  #resolve: ((place: Place) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  #hasLeft = false;

  constructor(slots: Slots, line: Line<Occupant>, call: EnteringCall, isStreaming: boolean) {
    this.#slots = slots;
    this.line = line;
    this.call = call;
    this.isStreaming = isStreaming;
    this.cameMs = slots.nowMs();
  }

  /** Resolves when it has a slot. */
  wait(): Promise<Place> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.call.listenForEnd(this);
      this.#slots.join(this);
    });
  }

  work(): Promise<Place> | undefined {
    this.isSuspect = false;
    return this.isWorking || this.#slots.takeSlot(this) ? undefined : this.wait();
  }

  rest(): void {
    this.isSuspect = false;
    if (!this.isWorking) return;
    this.isWorking = false;
    this.#slots.freeSlot(this);
  }

  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.rest();
    this.#slots.left(this);
  }

  abandoned(): void {
    this.#slots.giveUp(this);
    this.refuse(cancelled(this.call.path));
  }

  // Of who gives the slots.

  /** It has a slot. */
  begin(): void {
    if (!this.hasBegun) this.begunMs = this.#slots.nowMs();
    this.hasBegun = true;
    this.call.listenForEnd(undefined);
    this.#resolve?.(this);
  }

  /** It gets none. A handler that had begun before is still there, and has to leave itself. */
  refuse(error: unknown): void {
    this.call.listenForEnd(undefined);
    if (!this.hasBegun) this.leave();
    this.#reject?.(error);
  }
}
