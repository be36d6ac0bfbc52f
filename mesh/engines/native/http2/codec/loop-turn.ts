/** What is flushed at the end of a turn. */
interface Flushed {
  flush(): void;
}

/** Counts the turns of the event loop in which something is flushed. */
export class LoopTurn {
  #current = 1;
  #isWatched = false;
  #late: Flushed[] = [];
  readonly #end = () => this.#endTurn();

  /** A number that differs from that of each earlier turn, if the turn is watched. */
  get current(): number {
    return this.#current;
  }

  /** Counts this turn, when it has ended. */
  watch(): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    setImmediate(this.#end);
  }

  /** Flushes at the end of this turn, which is watched. */
  atEnd(flushed: Flushed): void {
    this.#late.push(flushed);
  }

  #endTurn(): void {
    this.#isWatched = false;
    this.#current += 1;
    const late = this.#late;
    this.#late = [];
    for (const flushed of late) flushed.flush();
  }
}
