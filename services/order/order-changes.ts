import type { Clock, Logger, Storage } from '#mesh';
import type { Order } from './order.ts';
import { findOrders } from './store.ts';

/** The changes of one order, as they become durable. */
export interface OrderFeed {
  /** Returns what has come since the last call, the oldest first. No version comes twice. */
  take(): Order[];
  /** Resolves when there is something to take, or when `signal` aborts. */
  wait(signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Notifies those who watch orders, in this process and in the others that share the database. */
export interface OrderChanges {
  /** Call it with what was committed. */
  publish(order: Order): void;
  watch(orderId: string): OrderFeed;
}

export interface OrderChangesOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Listener = (order: Order) => void;

const channel = 'order_changed';
/** How often the watched orders are read without a notification, which is lost if its process dies after its commit. */
const pollMs = { exclusive: 60_000, shared: 500 };
const pageSize = 500;
const minGapMs = 20;
/** Reading takes at most about a fifth of the time. */
const gapPerTaken = 4;

/**
 * Creates the changes of the orders in `storage`. What this process publishes goes to its own watchers directly. A notification
 * from another process says only that some order has changed, so one reader reads all watched orders for all watchers.
 */
export function createOrderChanges({ storage, clock, logger }: OrderChangesOptions): OrderChanges {
  const listeners = new Map<string, Set<Listener>>();
  const deliver = (order: Order) => {
    for (const listener of listeners.get(order.id) ?? []) listener(order);
  };
  const reader = createReader({ storage, clock, logger, deliver, watched: () => [...listeners.keys()] });
  let isPublishing = false;
  // It is called for own notifications too, during `notify`.
  storage.listen(channel, () => {
    if (!isPublishing) reader.wake();
  });

  return {
    publish(order) {
      deliver(order);
      if (storage.exclusive) return;
      isPublishing = true;
      storage.notify(channel);
      isPublishing = false;
    },
    watch(orderId) {
      const queue: Order[] = [];
      let newest = 0n;
      let wake: (() => void) | undefined;
      const listener = (order: Order) => {
        // The regular reading finds most orders unchanged: the queue of a caller that does not read must not grow by them.
        if (order.version <= newest) return;
        newest = order.version;
        queue.push(order);
        wake?.();
      };
      const ofOrder = listeners.get(orderId) ?? new Set();
      listeners.set(orderId, ofOrder.add(listener));
      reader.start();
      return {
        take: () => queue.splice(0),
        wait: async (signal) => {
          if (queue.length > 0 || signal.aborted) return;
          const woken = Promise.withResolvers<void>();
          wake = woken.resolve;
          signal.addEventListener('abort', wake, { once: true });
          await woken.promise;
          signal.removeEventListener('abort', wake);
        },
        close: () => {
          ofOrder.delete(listener);
          if (ofOrder.size === 0) listeners.delete(orderId);
          if (listeners.size === 0) reader.stop();
        },
      };
    },
  };
}

interface ReaderOptions extends OrderChangesOptions {
  readonly watched: () => readonly string[];
  readonly deliver: (order: Order) => void;
}

/** Reads the watched orders when it is woken, and regularly. It has no timer while it is stopped. */
function createReader({ storage, clock, logger, watched, deliver }: ReaderOptions) {
  const regularMs = storage.exclusive ? pollMs.exclusive : pollMs.shared;
  let timer: { readonly dueMs: number; readonly cancel: () => void } | undefined;
  let reading = false;
  let isWoken = false;
  let freeFromMs = 0;
  let failures = 0;

  const readAt = (dueMs: number) => {
    if (timer && timer.dueMs <= dueMs) return;
    timer?.cancel();
    timer = { dueMs, cancel: clock.after(Math.max(0, dueMs - clock.elapsedMs()), () => void read()) };
  };

  async function readAll(): Promise<void> {
    const ids = watched();
    for (let from = 0; from < ids.length; from += pageSize)
      for (const order of await findOrders(storage, ids.slice(from, from + pageSize))) deliver(order);
  }

  async function read(): Promise<void> {
    timer = undefined;
    reading = true;
    isWoken = false;
    const startMs = clock.elapsedMs();
    try {
      await readAll();
      failures = 0;
    } catch (error) {
      failures += 1;
      if (failures === 1) logger.warn({ err: error }, 'watched orders could not be read; retrying');
    }
    const endMs = clock.elapsedMs();
    freeFromMs = endMs + Math.max(minGapMs, (endMs - startMs) * gapPerTaken);
    reading = false;
    if (watched().length > 0) readAt(isWoken ? freeFromMs : Math.max(freeFromMs, endMs + regularMs));
  }

  return {
    start() {
      if (!reading) readAt(clock.elapsedMs() + regularMs);
    },
    wake() {
      if (reading) isWoken = true;
      else if (watched().length > 0) readAt(Math.max(freeFromMs, clock.elapsedMs()));
    },
    stop() {
      timer?.cancel();
      timer = undefined;
    },
  };
}
