/** Starts calls that wait. */
export interface Starter {
  /** Starts one call; false if none can start now. */
  startNext(): boolean;
}

const turnMs = 10;
const maxBatch = 64;

/**
 * Starts calls after the event loop has read everything that arrived, and lets it read again after 10 ms, so it sees
 * cancellations and other connections in between. Several starters take turns.
 */
export class Turns {
  readonly #starters = new Set<Starter>();
  readonly #begin = () => this.#beginTurn();
  readonly #step = () => this.#startSome();
  readonly #measure = () => process.nextTick(this.#step);
  #isScheduled = false;
  #beganMs = 0;
  #steppedMs = 0;
  /** How many calls start before their time is measured. Doubles as long as they take less than a tenth of the turn. */
  #batch = 1;

  /** Schedules `starter` to start what it can. */
  ask(starter: Starter): void {
    this.#starters.add(starter);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#begin);
  }

  #beginTurn(): void {
    this.#beganMs = performance.now();
    this.#steppedMs = this.#beganMs;
    this.#startSome();
  }

  #startSome(): void {
    const nowMs = performance.now();
    this.#batch = nowMs - this.#steppedMs < turnMs / 10 ? Math.min(2 * this.#batch, maxBatch) : 1;
    this.#steppedMs = nowMs;
    if (nowMs - this.#beganMs >= turnMs) {
      setImmediate(this.#begin);
      return;
    }
    if (!this.#startUpTo(this.#batch)) {
      this.#isScheduled = false;
      return;
    }
    // Handlers run in microtasks, and a list reads its first page only after several of them. So their time is known when no
    // microtask is left: then the next tick runs that a microtask asked for.
    queueMicrotask(this.#measure);
  }

  /** Lets the starters start calls, in turn; false if none has more to start. */
  #startUpTo(max: number): boolean {
    let left = max;
    for (const starter of this.#starters) {
      while (left > 0 && starter.startNext()) left -= 1;
      this.#starters.delete(starter);
      if (left > 0) continue;
      this.#starters.add(starter);
      return true;
    }
    return false;
  }
}
