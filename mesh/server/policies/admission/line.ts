import type { Load } from './policy.ts';

/** An entry of a line, which keeps its place there. */
export interface Waiter {
  place: number;
}

/** Maximum empty places at the front of a line before it is compacted. */
const maxEmptyPlaces = 64;

/** The calls of one connection: those that wait, in order, and the number of those that run. */
export class Line<Kind extends Waiter> implements Load {
  working = 0;
  streams = 0;
  waiting = 0;
  /** Set by the admission. */
  waitingBytes = 0;
  /** Whether it is queued for its turn among the lines. Set by the admission. */
  isReady = false;
  /** The idle handlers that still have a slot. Set by the admission. */
  readonly resting = new Set<Kind>();
  #waiters: (Kind | undefined)[] = [];
  #first = 0;

  /** Whether the connection has no calls. */
  get isEmpty(): boolean {
    return this.working === 0 && this.streams === 0 && this.waiting === 0;
  }

  add(waiter: Kind): void {
    waiter.place = this.#waiters.push(waiter) - 1;
    this.waiting += 1;
  }

  /** Removes one that no longer waits. */
  remove(waiter: Kind): void {
    this.#waiters[waiter.place] = undefined;
    this.#left();
  }

  /** Removes and returns the one that has waited longest. */
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
    } else if (this.#waiters.length > maxEmptyPlaces && this.waiting * 2 < this.#waiters.length) this.#compact();
  }

  #compact(): void {
    this.#waiters = this.#waiters.filter((waiter) => waiter !== undefined);
    this.#first = 0;
    for (const [place, waiter] of this.#waiters.entries()) if (waiter !== undefined) waiter.place = place;
  }
}
