import { OrderEvent } from '#gen/order/v1/events.ts';
import type { MessageReader } from '#mesh';

/** The part of an order's event that its mail needs. */
export interface OrderNews {
  readonly orderId: string;
  readonly userId: string;
  /** Why the order failed or was cancelled; empty otherwise. */
  readonly message: string;
}

/** JSON that any program may have published. Members may be missing or of another type. */
interface OrderJson {
  readonly orderId?: unknown;
  readonly userId?: unknown;
  readonly order?: { readonly failure?: { readonly message?: unknown } | null } | null;
}

/**
 * Decodes an `order.v1.OrderEvent`, and also the plain `{type, orderId, userId, …}` of a producer without that contract.
 * What is missing is empty.
 */
export const orderNews: MessageReader<OrderNews> = {
  decode(bytes) {
    const { orderId, userId, order } = OrderEvent.decode(bytes);
    return { orderId, userId, message: order?.failure?.message ?? '' };
  },
  fromJSON(json) {
    const { orderId, userId, order } = json as OrderJson;
    return { orderId: textOf(orderId), userId: textOf(userId), message: textOf(order?.failure?.message) };
  },
};

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
