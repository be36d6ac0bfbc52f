import { AsyncLocalStorage } from 'node:async_hooks';

/** Runs work without the context of its caller: the timers of one call are not for the next. */
const withoutContext = AsyncLocalStorage.snapshot();

const slotMs = 8;
const slotCount = 1_024;

/** Has a timer on the wheel. */
export interface Timed {
  /** Called once when the timer is due, unless it was cancelled. */
  onTimeout(): void;
}

export interface WheelTimer {
  cancel(): void;
}

/**
 * Timers for calls, most of which are cancelled long before they are due: setting and cancelling one uses no system timer,
 * and a cancelled one leaves nothing behind. They fire up to 16 ms late, two slots, and never early. The wheel does not keep the process
 * alive.
 */
export class TimerWheel {
  readonly #slots: Entry[][] = Array.from({ length: slotCount }, () => []);
  #count = 0;
  #atSlot = 0;
  #running: NodeJS.Timeout | undefined;

  /** How many timers are set. */
  get size(): number {
    return this.#count;
  }

  /** Calls `timed.onTimeout` at `dueMs`, in milliseconds since the epoch. */
  at(dueMs: number, timed: Timed): WheelTimer {
    return this.after(dueMs - Date.now(), timed);
  }

  /** Calls `timed.onTimeout` in `delayMs`. */
  after(delayMs: number, timed: Timed): WheelTimer {
    if (this.#running === undefined) this.#start();
    // On the monotonic clock, so setting the machine's clock does not move the timer.
    const dueAtMs = performance.now() + delayMs;
    const entry = new Entry(this, dueAtMs, timed);
    // A timer that is due in more than one turn of the wheel stays in its slot until its turn.
    const slot = Math.max(Math.floor(dueAtMs / slotMs) + 1, this.#atSlot + 1);
    entry.putInto(this.#slots[slot % slotCount] as Entry[]);
    this.#count += 1;
    return entry;
  }

  /** Called by an entry that left its slot. */
  removed(): void {
    this.#count -= 1;
  }

  #start(): void {
    this.#atSlot = Math.floor(performance.now() / slotMs);
    this.#running = withoutContext(() => setInterval(() => this.#turn(), slotMs));
    this.#running.unref();
  }

  #turn(): void {
    const nowMs = performance.now();
    const nowSlot = Math.floor(nowMs / slotMs);
    const steps = Math.min(nowSlot - this.#atSlot, slotCount);
    for (let step = 1; step <= steps; step += 1) this.#empty((this.#atSlot + step) % slotCount, nowMs);
    this.#atSlot = Math.max(nowSlot, this.#atSlot);
    if (this.#count > 0) return;
    clearInterval(this.#running);
    this.#running = undefined;
  }

  #empty(slot: number, nowMs: number): void {
    const entries = this.#slots[slot] as Entry[];
    if (entries.length === 0) return;
    const due = entries.filter((entry) => entry.dueMs <= nowMs);
    // A timer that fires may cancel others; those are no longer due.
    for (const entry of due) if (entry.remove()) entry.timed.onTimeout();
  }
}

/** A timer in its slot. It knows its index there, so removing it needs no search. */
class Entry implements WheelTimer {
  readonly dueMs: number;
  readonly timed: Timed;
  readonly #wheel: TimerWheel;
  #slot: Entry[] | undefined;
  #index = 0;

  constructor(wheel: TimerWheel, dueMs: number, timed: Timed) {
    this.#wheel = wheel;
    this.dueMs = dueMs;
    this.timed = timed;
  }

  putInto(slot: Entry[]): void {
    this.#slot = slot;
    this.#index = slot.push(this) - 1;
  }

  cancel(): void {
    this.remove();
  }

  /** Removes it from the wheel; the last entry of the slot takes its place. False if it is no longer there. */
  remove(): boolean {
    const slot = this.#slot;
    if (slot === undefined) return false;
    const last = slot.pop() as Entry;
    if (last !== this) {
      slot[this.#index] = last;
      last.#index = this.#index;
    }
    this.#slot = undefined;
    this.#wheel.removed();
    return true;
  }
}
