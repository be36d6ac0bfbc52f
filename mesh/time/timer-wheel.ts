const slotMs = 8;
const slotCount = 1_024;

/** What is told that its time has come. */
export interface Timed {
  due(): void;
}

/** Something that is to happen at a time, unless it is called off. */
export interface WheelTimer {
  cancel(): void;
}

/**
 * Timers for calls, most of which are called off long before they are due: setting and cancelling one costs no timer of
 * the system, and one that is cancelled leaves nothing behind. They are due up to 8 ms late and never early. It keeps no
 * process alive.
 */
export class TimerWheel {
  readonly #slots: Entry[][] = Array.from({ length: slotCount }, () => []);
  #count = 0;
  #atSlot = 0;
  #running: NodeJS.Timeout | undefined;

  /** How many wait. */
  get size(): number {
    return this.#count;
  }

  /** Tells `timed` at `dueMs`, in milliseconds since the epoch. */
  at(dueMs: number, timed: Timed): WheelTimer {
    if (this.#running === undefined) this.#start();
    // By the clock that nobody sets.
    const dueAtMs = performance.now() + dueMs - Date.now();
    const entry = new Entry(this, dueAtMs, timed);
    // One that is due later than the wheel is long is met on the way and left in its slot.
    const slot = Math.max(Math.floor(dueAtMs / slotMs) + 1, this.#atSlot + 1);
    entry.putInto(this.#slots[slot % slotCount] as Entry[]);
    this.#count += 1;
    return entry;
  }

  /** Of its entries. */
  removed(): void {
    this.#count -= 1;
  }

  #start(): void {
    this.#atSlot = Math.floor(performance.now() / slotMs);
    this.#running = setInterval(() => this.#turn(), slotMs);
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
    // One that is told may call others off: those are not due any more.
    for (const entry of due) if (entry.remove()) entry.timed.due();
  }
}

/** A timer in its slot; it knows its place there, so that it can leave without being looked for. */
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

  /** Takes it off the wheel: the last of its slot takes its place. False when it is not there any more. */
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
