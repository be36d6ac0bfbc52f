import type { AssertOwner, IdleWait, Storage } from '#mesh';
import { orderNotFound } from './errors.ts';
import { etagOf, isTerminal, type Order } from './order.ts';
import type { OrderChanges } from './order-changes.ts';
import { findOrders } from './store.ts';

export interface WatchOrderDeps {
  readonly storage: Storage;
  readonly changes: OrderChanges;
}

/** What to watch. `afterEtag` is the etag of the order as the caller has it; empty: the caller does not have it. */
export interface WatchedOrder {
  readonly id: string;
  readonly afterEtag: string;
}

interface WatchingCall {
  readonly signal: AbortSignal;
  readonly idle: IdleWait;
  readonly assertOwner: AssertOwner;
}

/**
 * Yields an order as it is, unless the caller has it, then each change that is seen, and ends after a terminal state. Of changes
 * by other processes the latest is seen. Throws what `signal` aborts with, and NOT_FOUND `ORDER_NOT_FOUND`.
 */
export async function* watchOrder(
  { id, afterEtag }: WatchedOrder,
  { signal, idle, assertOwner }: WatchingCall,
  { storage, changes }: WatchOrderDeps,
): AsyncGenerator<Order, void, undefined> {
  const feed = changes.watch(id);
  try {
    let seen = 0n;
    let known = afterEtag;
    // After the feed was opened, so no change in between is missed.
    let found = await findOrders(storage, [id]);
    assertOwner(found[0]?.userId);
    if (found.length === 0) throw orderNotFound({ orderId: id });
    while (true) {
      for (const order of found) {
        if (order.version <= seen) continue;
        seen = order.version;
        if (etagOf(order) !== known) yield order;
        // Only of the order as it was found. A later version has the same etag if the caller's is from before a restore.
        known = '';
        if (isTerminal(order.state)) return;
      }
      signal.throwIfAborted();
      await idle(() => feed.wait(signal));
      found = feed.take();
    }
  } finally {
    feed.close();
  }
}
