import {
  type CancelOrderRequest,
  type ListOrdersRequest,
  OrderServiceDefinition,
  type OrderServiceImplementation,
} from '#gen/order/v1/order.ts';
import { type Idempotency, type MeshCallContext, readPages, repeatable, type Storage, toAddress } from '#mesh';
import type { CancelOrder } from './cancel-order.ts';
import { orderNotFound } from './errors.ts';
import type { LimitBacklog } from './limit-backlog.ts';
import type { PlaceOrder } from './place-order.ts';
import { stateOf, toProto } from './proto.ts';
import type { QuoteOrder } from './quote-order.ts';
import { findOrder, pageOfOrders } from './store.ts';
import type { WatchOrder } from './watch-order.ts';

/** What the handlers stand on. */
export interface OrderRpcDeps {
  readonly storage: Storage;
  readonly idempotency: Idempotency;
  readonly limitBacklog: LimitBacklog;
  readonly quoteOrder: QuoteOrder;
  readonly placeOrder: PlaceOrder;
  readonly cancelOrder: CancelOrder;
  readonly watchOrder: WatchOrder;
  readonly draining: AbortSignal;
}

const { placeOrder: placeMethod, cancelOrder: cancelMethod } = OrderServiceDefinition.methods;
const placeOrderCall = repeatable(OrderServiceDefinition, placeMethod);
const cancelOrderCall = repeatable(OrderServiceDefinition, cancelMethod);

/** The handlers of `order.v1.OrderService`. */
export function createOrderRpc(deps: OrderRpcDeps): OrderServiceImplementation<MeshCallContext> {
  const { storage, idempotency } = deps;
  return {
    async placeOrder(request) {
      const answered = await idempotency.replay(placeOrderCall, request);
      if (answered) return answered;
      await deps.limitBacklog();
      const lines = await deps.quoteOrder(request.userId, request.items);
      return idempotency.once(placeOrderCall, request, async (tx) =>
        toProto(
          await deps.placeOrder(tx, {
            userId: request.userId,
            lines,
            shippingAddress: toAddress(request.shippingAddress ?? missingAddress()),
          }),
        ),
      );
    },
    async getOrder(request) {
      const order = await findOrder(storage, request.id);
      if (!order) throw orderNotFound({ orderId: request.id });
      return toProto(order);
    },
    listOrders: (request, context) => listOrders(storage, request, context.signal),
    async *watchOrder(request, context) {
      const signal = AbortSignal.any([context.signal, deps.draining]);
      for await (const order of deps.watchOrder(request.id, signal, context.idle)) yield toProto(order);
    },
    cancelOrder: (request: CancelOrderRequest) =>
      idempotency.once(cancelOrderCall, request, async (tx) =>
        toProto(await deps.cancelOrder(tx, request.id, request.reason)),
      ),
  };
}

async function* listOrders(storage: Storage, request: ListOrdersRequest, signal: AbortSignal) {
  const filter = { userId: request.userId, state: stateOf(request.state) };
  const pages = readPages({
    after: request.afterId,
    limit: request.limit,
    signal,
    fetch: (afterId, size) => pageOfOrders(storage, afterId, filter, size),
    cursorOf: (order) => order.id,
  });
  for await (const page of pages) yield* page.map(toProto);
}

/** The contract requires the address, so a request without one does not get here. */
function missingAddress(): never {
  throw new Error('shipping_address is required by the contract but was not checked');
}
