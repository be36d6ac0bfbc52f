const slotMs = 8;
const slotCount = 1_024;

/** Something that is to happen at a time, unless it is called off. */
export interface WheelTimer {
  cancel(): void;
}

interface Entry extends WheelTimer {
  dueMs: number;
  action: (() => void) | undefined;
}

/**
 * Timers for calls, most of which are called off long before they are due: setting and cancelling one costs no timer of
 * the system. They are due up to 8 ms late and never early. It keeps no process alive.
 */
export class TimerWheel {
  readonly #slots: Entry[][] = Array.from({ length: slotCount }, () => []);
  #count = 0;
  #atSlot = 0;
  #running: NodeJS.Timeout | undefined;

  /** Calls `action` at `dueMs`, in milliseconds since the epoch. */
  at(dueMs: number, action: () => void): WheelTimer {
    if (this.#running === undefined) this.#start();
    const entry: Entry = {
      dueMs,
      action,
      cancel() {
        entry.action = undefined;
      },
    };
    // One that is due later than the wheel is long is met on the way and left in its slot.
    const slot = Math.max(Math.floor(dueMs / slotMs) + 1, this.#atSlot + 1);
    this.#slots[slot % slotCount]?.push(entry);
    this.#count += 1;
    return entry;
  }

  #start(): void {
    this.#atSlot = Math.floor(Date.now() / slotMs);
    this.#running = setInterval(() => this.#turn(), slotMs);
    this.#running.unref();
  }

  #turn(): void {
    const nowMs = Date.now();
    const nowSlot = Math.floor(nowMs / slotMs);
    const steps = Math.min(nowSlot - this.#atSlot, slotCount);
    for (let step = 1; step <= steps; step += 1) this.#empty((this.#atSlot + step) % slotCount, nowMs);
    this.#atSlot = Math.max(nowSlot, this.#atSlot);
    if (this.#count > 0) return;
    clearInterval(this.#running);
    this.#running = undefined;
  }

  #empty(slot: number, nowMs: number): void {
    const entries = this.#slots[slot] ?? [];
    if (entries.length === 0) return;
    this.#slots[slot] = entries.filter((entry) => entry.action !== undefined && entry.dueMs > nowMs);
    this.#count -= entries.length - (this.#slots[slot]?.length ?? 0);
    for (const entry of entries) {
      if (entry.dueMs > nowMs) continue;
      const { action } = entry;
      entry.action = undefined;
      action?.();
    }
  }
}
