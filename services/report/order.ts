import type { Money } from '#mesh';

/** The known types of the order service's events, with the state of the order after each. */
export const stateByEventType = {
  ORDER_PLACED: 'PENDING',
  ORDER_RESERVED: 'RESERVED',
  ORDER_PAID: 'PAID',
  ORDER_SHIPPED: 'SHIPPED',
  ORDER_COMPLETED: 'COMPLETED',
  ORDER_COMPENSATING: 'COMPENSATING',
  ORDER_FAILED: 'FAILED',
  ORDER_CANCELLED: 'CANCELLED',
  ORDER_NEEDS_ATTENTION: 'NEEDS_ATTENTION',
} as const;

export type OrderEventType = keyof typeof stateByEventType;
export type OrderState = (typeof stateByEventType)[OrderEventType];

/** Whether the type of an event is known. */
export function isOrderEventType(type: string): type is OrderEventType {
  return Object.hasOwn(stateByEventType, type);
}

export interface OrderLine {
  readonly sku: string;
  readonly quantity: number;
  /** In the smallest unit of the total's currency. */
  readonly unitPrice: bigint;
}

/** An order at one of its versions. Times are in milliseconds since the epoch. */
export interface OrderVersion {
  readonly orderVersion: bigint;
  readonly userId: string;
  readonly state: OrderState;
  readonly total: Money;
  readonly lines: readonly OrderLine[];
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** A change of an order, and the order after it. */
export type OrderChange = { [Type in OrderEventType]: OrderVersion & { readonly type: Type } }[OrderEventType];

/** Returns the number of items over all lines. */
export function itemCountOf({ lines }: OrderVersion): bigint {
  return lines.reduce((sum, { quantity }) => sum + BigInt(quantity), 0n);
}

/** Whether a text is a valid id of a user, an order or an item. */
export function isId(text: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/.test(text);
}
