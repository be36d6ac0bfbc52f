import type { Money } from '#mesh';

/** The types of the order service's events that are known here, each with the state that the order is in after it. */
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

/** What happened to an order. */
export type OrderEventType = keyof typeof stateByEventType;
/** Where an order stands. */
export type OrderState = (typeof stateByEventType)[OrderEventType];

/** Whether a type of an event is known here. */
export function isOrderEventType(type: string): type is OrderEventType {
  return Object.hasOwn(stateByEventType, type);
}

/** How many of an item, at which price. */
export interface OrderLine {
  readonly sku: string;
  readonly quantity: number;
  /** Of one, in the smallest unit of the total's currency. */
  readonly unitPrice: bigint;
}

/** What is kept of an order at one of its versions. Times are in milliseconds since the epoch. */
export interface OrderVersion {
  readonly orderVersion: bigint;
  readonly userId: string;
  readonly state: OrderState;
  readonly total: Money;
  readonly lines: readonly OrderLine[];
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** A change of an order, with the order after it. */
export type OrderChange = { [Type in OrderEventType]: OrderVersion & { readonly type: Type } }[OrderEventType];

/** How many things were ordered, over all lines. */
export function itemCountOf({ lines }: OrderVersion): bigint {
  return lines.reduce((sum, { quantity }) => sum + BigInt(quantity), 0n);
}

/** Whether a text can be an id of the mesh: of a user, an order or an item. */
export function isId(text: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/.test(text);
}
