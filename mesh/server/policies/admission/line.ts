import type { Load } from './policy.ts';

/** Something that waits in a line, and keeps its place there. */
export interface Waiter {
  place: number;
}

// So many that have left are kept at most.
const mostGone = 64;

/** The calls of one connection: those that wait, in order, and how many are at work. */
export class Line<Kind extends Waiter> implements Load {
  working = 0;
  streams = 0;
  waiting = 0;
  /** Kept by who has them wait. */
  waitingBytes = 0;
  /** Whether it waits for its turn among the lines. Kept by who gives the turns. */
  isReady = false;
  /** Those that have a slot and do not need it now. Kept by who gives the slots. */
  readonly resting = new Set<Kind>();
  #waiters: (Kind | undefined)[] = [];
  #first = 0;

  /** Whether nothing of the connection is here. */
  get isEmpty(): boolean {
    return this.working === 0 && this.streams === 0 && this.waiting === 0;
  }

  add(waiter: Kind): void {
    waiter.place = this.#waiters.push(waiter) - 1;
    this.waiting += 1;
  }

  /** Takes one out that does not wait any longer. */
  remove(waiter: Kind): void {
    this.#waiters[waiter.place] = undefined;
    this.#left();
  }

  /** Takes the one out that has waited longest. */
  takeFirst(): Kind | undefined {
    while (this.#first < this.#waiters.length) {
      const waiter = this.#waiters[this.#first];
      this.#waiters[this.#first] = undefined;
      this.#first += 1;
      if (waiter === undefined) continue;
      this.#left();
      return waiter;
    }
    return undefined;
  }

  #left(): void {
    this.waiting -= 1;
    if (this.waiting === 0) {
      this.#waiters = [];
      this.#first = 0;
    } else if (this.#waiters.length > mostGone && this.waiting * 2 < this.#waiters.length) this.#closeUp();
  }

  #closeUp(): void {
    this.#waiters = this.#waiters.filter((waiter) => waiter !== undefined);
    this.#first = 0;
    for (const [place, waiter] of this.#waiters.entries()) if (waiter !== undefined) waiter.place = place;
  }
}
