import { RankedTurns } from './ranked-turns.ts';

/** Where a token comes from. */
export interface TokenOrigin {
  /** The address, or its network. */
  readonly address: string;
  /** One connection of it: `host:port`. */
  readonly connection: string;
}

/** What waits for the verification of a token. */
export interface Waiter {
  /** Whether nobody waits for it anymore. */
  readonly isOver: () => boolean;
  readonly begin: () => void;
  readonly refuse: () => void;
}

/** The waiters of one connection, oldest first. */
class ConnectionQueue {
  readonly waiters: Waiter[] = [];

  get size(): number {
    return this.waiters.length;
  }
}

/** Those of one address, by connection. */
class AddressQueue {
  readonly connections: RankedTurns<ConnectionQueue>;
  size = 0;

  constructor(isSuspected: (connection: string) => boolean) {
    this.connections = new RankedTurns(isSuspected);
  }
}

/**
 * The tokens that wait for their verification. Addresses take turns, and so do the connections of an address. An address or a
 * connection that is suspected comes after those that are not. Within a connection the newest comes first: those that
 * have waited longest are the likeliest to have given up. Where there is no room, the oldest of the last in
 * line gives way.
 */
export class TokenQueue {
  readonly #max: number;
  readonly #maxOfAddress: number;
  readonly #isSuspected: (addressOrConnection: string) => boolean;
  readonly #addresses: RankedTurns<AddressQueue>;
  #size = 0;

  constructor(max: number, maxOfAddress: number, isSuspected: (addressOrConnection: string) => boolean) {
    this.#max = max;
    this.#maxOfAddress = maxOfAddress;
    this.#isSuspected = isSuspected;
    this.#addresses = new RankedTurns(isSuspected);
  }

  /** Adds a waiter, or refuses it or another one. */
  add({ address, connection }: TokenOrigin, waiter: Waiter): void {
    if (!this.#makeRoom(address, connection)) {
      waiter.refuse();
      return;
    }
    let own = this.#addresses.get(address);
    if (own === undefined) {
      own = new AddressQueue(this.#isSuspected);
      this.#addresses.add(address, own);
    }
    let queue = own.connections.get(connection);
    if (queue === undefined) {
      queue = new ConnectionQueue();
      own.connections.add(connection, queue);
    }
    queue.waiters.push(waiter);
    own.size += 1;
    this.#size += 1;
  }

  /** Returns whose turn it is. Refuses those before it that are over. */
  next(): Waiter | undefined {
    for (;;) {
      const waiter = this.#addresses.next((own) => {
        own.size -= 1;
        return own.connections.next(({ waiters }) => waiters.pop());
      });
      if (waiter === undefined) return undefined;
      this.#size -= 1;
      if (!waiter.isOver()) return waiter;
      waiter.refuse();
    }
  }

  /** Returns whether there is room for one more, which another may have to give up. */
  #makeRoom(address: string, connection: string): boolean {
    const own = this.#addresses.get(address);
    const isFullOfOwn = own !== undefined && own.size >= this.#maxOfAddress;
    if (!isFullOfOwn && this.#size < this.#max) return true;
    const oldestOf = (queue: AddressQueue) => {
      const oldest = queue.connections.giveUp(connection, ({ waiters }) => waiters.shift());
      if (oldest !== undefined) queue.size -= 1;
      return oldest;
    };
    const oldest = isFullOfOwn ? oldestOf(own) : this.#addresses.giveUp(address, oldestOf);
    if (oldest === undefined) return false;
    this.#size -= 1;
    oldest.refuse();
    return true;
  }
}
