/** Something that has calls to begin. */
export interface Starter {
  /** Begins one call; false when none can begin now. */
  startNext(): boolean;
}

const turnMs = 10;
const mostAtOnce = 32;

/**
 * Begins calls once the event loop has read all that there was to read, and lets it read again after 10 ms, so that
 * cancellations and other connections are heard in between. Several starters take turns.
 */
export class Turns {
  readonly #starters = new Set<Starter>();
  readonly #begin = () => this.#beginTurn();
  readonly #step = () => this.#startSome();
  #isScheduled = false;
  #beganMs = 0;
  #steppedMs = 0;
  /** How many begin before it is looked how long they took: twice as many each time, as long as that is next to nothing. */
  #atOnce = 1;

  /** Has `starter` begin what it can. */
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
    this.#atOnce = nowMs - this.#steppedMs < turnMs / 10 ? Math.min(2 * this.#atOnce, mostAtOnce) : 1;
    this.#steppedMs = nowMs;
    if (nowMs - this.#beganMs >= turnMs) {
      setImmediate(this.#begin);
      return;
    }
    if (!this.#startUpTo(this.#atOnce)) {
      this.#isScheduled = false;
      return;
    }
    // Handlers work in microtasks: only behind them is known how long they took.
    void Promise.resolve().then(this.#step);
  }

  /** Has the starters begin calls, in turn; false when none has more to begin. */
  #startUpTo(most: number): boolean {
    let left = most;
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
