import type { OrderServiceHandlers } from '#gen/order/v1/order.contract.ts';
import type { Quote as ProtoQuote } from '#gen/order/v1/order.ts';
import { type IdleWait, readPages, toAddress } from '#mesh';
import { cancelOrder, type PlaceOrderDeps, placeOrder, requireCapacity } from './place-order.ts';
import { priceOrder } from './price-order.ts';
import { stateOf, toItem, toProto } from './proto.ts';
import { type Quote, type QuoteOrderDeps, quoteOrder } from './quote-order.ts';
import { getOrder, pageOfOrders } from './store.ts';
import { type WatchOrderDeps, watchOrder } from './watch-order.ts';

interface Deps extends PlaceOrderDeps, QuoteOrderDeps, WatchOrderDeps {
  readonly draining: AbortSignal;
}

/** Implements `order.v1.OrderService`. */
export function createOrderRpc(deps: Deps): OrderServiceHandlers {
  const { storage } = deps;
  return {
    async placeOrder({ userId, items, shippingAddress }, { once }) {
      const answered = await once.replay();
      if (answered) return answered;
      await requireCapacity(deps.sagas);
      const lines = await priceOrder(userId, items, deps);
      const draft = { userId, lines, shippingAddress: toAddress(shippingAddress) };
      return await once(async (tx) => toProto(await placeOrder(tx, draft, deps)));
    },

    quoteOrder: async (request) => quoteToProto(await quoteOrder(request, deps)),

    getOrder: async ({ id }) => toProto(await getOrder(storage, id)),

    listOrders: ({ afterId, limit, userId, state }, { signal }) =>
      readPages({
        after: afterId,
        limit,
        signal,
        fetch: (after, size) => pageOfOrders(storage, after, { userId, state: stateOf(state) }, size),
        cursorOf: (order) => order.id,
        map: toProto,
      }),

    async *watchOrder(request, context) {
      const idle: IdleWait = (wait) => {
        // The caller shall know that it watches, also if nothing changes.
        context.sendHeader();
        return context.idle(wait);
      };
      const signal = AbortSignal.any([context.signal, deps.draining]);
      const call = { signal, idle, assertOwner: context.assertOwner };
      for await (const order of watchOrder(request, call, deps)) yield toProto(order);
    },

    cancelOrder: (request, { once, assertOwner }) =>
      once(async (tx) => toProto(await cancelOrder(tx, request, { ...deps, assertOwner }))),
  };
}

function quoteToProto({ userId, lines, total, balance }: Quote): ProtoQuote {
  return {
    userId,
    items: lines.map(toItem),
    total,
    balance: balance?.value?.balance,
    balanceFromCache: balance?.fromCache ?? false,
    balanceAsOfTime: balance?.asOf,
  };
}
