/**
 * Queues by key that take turns. Those that are suspected have theirs when no other one waits. What a key is suspected
 * of may change: that counts from its next turn.
 */
export class RankedTurns<Queue extends { readonly size: number }> {
  readonly #trusted = new Map<string, Queue>();
  readonly #suspected = new Map<string, Queue>();
  readonly #isSuspected: (key: string) => boolean;

  constructor(isSuspected: (key: string) => boolean) {
    this.#isSuspected = isSuspected;
  }

  get(key: string): Queue | undefined {
    return this.#trusted.get(key) ?? this.#suspected.get(key);
  }

  /** Adds a queue, whose turn comes last. */
  add(key: string, queue: Queue): void {
    (this.#isSuspected(key) ? this.#suspected : this.#trusted).set(key, queue);
  }

  /** Lets `take` have something from the queue whose turn it is, which must not be empty. */
  next<Item>(take: (queue: Queue) => Item): Item | undefined {
    const [first] = this.#trusted.size > 0 ? this.#trusted : this.#suspected;
    if (first === undefined) return undefined;
    const [key, queue] = first;
    this.#remove(key);
    const taken = take(queue);
    if (queue.size > 0) this.add(key, queue);
    return taken;
  }

  /**
   * Lets `take` have something from the longest queue, of those that are suspected if any waits. `undefined` if that would be a
   * trusted one, to make room for a suspected `key`.
   */
  giveUp<Item>(key: string, take: (queue: Queue) => Item): Item | undefined {
    if (this.#suspected.size === 0 && this.#isSuspected(key)) return undefined;
    const among = this.#suspected.size > 0 ? this.#suspected : this.#trusted;
    let longest: readonly [string, Queue] | undefined;
    for (const each of among) if (longest === undefined || each[1].size > longest[1].size) longest = each;
    if (longest === undefined) return undefined;
    const taken = take(longest[1]);
    if (longest[1].size === 0) this.#remove(longest[0]);
    return taken;
  }

  #remove(key: string): void {
    this.#trusted.delete(key);
    this.#suspected.delete(key);
  }
}
