import { createTail, type ReadingContext, type Tail } from './tail.ts';

/** The tails of a log. The readers at the end of a topic share its current one. Others have one for themselves. */
export interface Tails {
  /** Returns the tail for a reader that continues at `offsets`, and joins it. */
  join(topic: string, offsets: Offsets, ring: () => void): Tail;
  /** Returns a tail that only starts at `offsets`, for a reader that was too slow for its one, and joins it. */
  open(topic: string, offsets: Offsets, ring: () => void): Tail;
  /**
   * Returns the tail for a reader that has read everything of its tail: the topic's current one when it has what follows.
   * `hasWaited` is whether that had time to reach the reader's offsets; otherwise it is replaced.
   */
  change(tail: Tail, topic: string, offsets: Offsets, ring: () => void, hasWaited: boolean): Tail;
  /** Resolves when the tail has ended if nobody else may need it. */
  leave(tail: Tail, ring: () => void): Promise<void>;
  close(): Promise<void>;
}

/** The offset to read next of each partition. */
export type Offsets = ReadonlyMap<number, bigint>;

/** How long a current tail stays without readers, because the next one often comes soon. */
const lingerMs = 5000;

export function createTails(context: ReadingContext): Tails {
  const currents = new Map<string, Tail>();
  const all = new Set<Tail>();
  let isClosed = false;

  function start(topic: string, offsets: Offsets): Tail {
    const tail = createTail(topic, offsets, () => retire(topic, tail), context);
    all.add(tail);
    return tail;
  }

  /** It is no longer joined. */
  function retire(topic: string, tail: Tail): void {
    if (currents.get(topic) !== tail) return;
    currents.delete(topic);
    if (!tail.hasReaders) void end(tail);
  }

  async function end(tail: Tail): Promise<void> {
    await tail.end();
    all.delete(tail);
  }

  function makeCurrent(topic: string, tail: Tail): Tail {
    const former = currents.get(topic);
    if (former) retire(topic, former);
    currents.set(topic, tail);
    return tail;
  }

  function joined(tail: Tail, ring: () => void): Tail {
    tail.join(ring);
    return tail;
  }

  return {
    join(topic, offsets, ring) {
      const current = currents.get(topic) ?? makeCurrent(topic, start(topic, offsets));
      return joined(isBehind(offsets, current) ? start(topic, offsets) : current, ring);
    },
    open: (topic, offsets, ring) => joined(start(topic, offsets), ring),
    change(tail, topic, offsets, ring, hasWaited) {
      const current = currents.get(topic) ?? makeCurrent(topic, tail);
      if (tail !== current) return isBehind(offsets, current) ? tail : joined(current, ring);
      return hasWaited && isAhead(offsets, tail) ? joined(makeCurrent(topic, start(topic, offsets)), ring) : tail;
    },
    async leave(tail, ring) {
      tail.leave(ring);
      if (tail.hasReaders) return;
      const topic = currents.entries().find(([, current]) => current === tail)?.[0];
      if (topic === undefined || isClosed) return await end(tail);
      context.clock.after(lingerMs, () => {
        if (!tail.hasReaders) retire(topic, tail);
      });
    },
    async close() {
      isClosed = true;
      await Promise.all([...all].map(end));
    },
  };
}

/** Whether the tail no longer has what follows one of the offsets. */
function isBehind(offsets: Offsets, { partitions }: Tail): boolean {
  return offsets.entries().some(([number, offset]) => {
    const partition = partitions.get(number);
    return partition !== undefined && offset < partition.recent.first;
  });
}

/** Whether the tail has not reached one of the offsets. */
export function isAhead(offsets: Offsets, { partitions }: Tail): boolean {
  return offsets.entries().some(([number, offset]) => {
    const partition = partitions.get(number);
    return partition === undefined || offset > partition.recent.next;
  });
}
