import type { OrderServiceHandlers } from '#gen/order/v1/order.contract.ts';
import { readPages, type Storage, toAddress } from '#mesh';
import type { CancelOrder } from './cancel-order.ts';
import { orderNotFound } from './errors.ts';
import type { LimitBacklog } from './limit-backlog.ts';
import type { PlaceOrder } from './place-order.ts';
import { stateOf, toProto } from './proto.ts';
import type { QuoteOrder } from './quote-order.ts';
import { findOrder, pageOfOrders } from './store.ts';
import type { WatchOrder } from './watch-order.ts';

export interface OrderRpcDeps {
  readonly storage: Storage;
  readonly limitBacklog: LimitBacklog;
  readonly quoteOrder: QuoteOrder;
  readonly placeOrder: PlaceOrder;
  readonly cancelOrder: CancelOrder;
  readonly watchOrder: WatchOrder;
  readonly draining: AbortSignal;
}

/** Implements `order.v1.OrderService`. */
export function createOrderRpc(deps: OrderRpcDeps): OrderServiceHandlers {
  const { storage } = deps;
  return {
    async placeOrder({ userId, items, shippingAddress }, { once }) {
      const answered = await once.replay();
      if (answered) return answered;
      await deps.limitBacklog();
      const lines = await deps.quoteOrder(userId, items);
      return await once(async (tx) =>
        toProto(await deps.placeOrder(tx, { userId, lines, shippingAddress: toAddress(shippingAddress) })),
      );
    },

    async getOrder({ id }) {
      const order = await findOrder(storage, id);
      if (!order) throw orderNotFound({ orderId: id });
      return toProto(order);
    },

    listOrders: ({ afterId, limit, userId, state }, { signal }) =>
      readPages(
        {
          after: afterId,
          limit,
          signal,
          fetch: (after, size) => pageOfOrders(storage, after, { userId, state: stateOf(state) }, size),
          cursorOf: (order) => order.id,
        },
        toProto,
      ),

    async *watchOrder({ id }, { signal, idle }) {
      const untilDraining = AbortSignal.any([signal, deps.draining]);
      for await (const order of deps.watchOrder(id, untilDraining, idle)) yield toProto(order);
    },

    cancelOrder: ({ id, reason }, { once }) => once(async (tx) => toProto(await deps.cancelOrder(tx, id, reason))),
  };
}
