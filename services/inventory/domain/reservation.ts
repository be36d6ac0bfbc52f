/** Held, then permanently either taken or released. */
export type ReservationState = 'RESERVED' | 'COMMITTED' | 'RELEASED';

/** How many of an item an order needs. */
export interface ReservationItem {
  readonly sku: string;
  readonly quantity: bigint;
}

/** What an order has reserved. Released without items: the release came first and prevents a reservation. */
export interface Reservation {
  readonly orderId: string;
  readonly state: ReservationState;
  /** The service that reserved; '' for the order service. */
  readonly owner: string;
  /** In the order of the request. */
  readonly items: readonly ReservationItem[];
  readonly version: bigint;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** The reservation in its first version. */
export function newReservation(
  { orderId, items, owner }: Pick<Reservation, 'orderId' | 'items' | 'owner'>,
  state: ReservationState,
  nowMs: number,
): Reservation {
  return { orderId, state, owner, items, version: 1n, createTimeMs: nowMs, updateTimeMs: nowMs };
}

/** The items in sku order. All stock is changed in this order, so no two transactions wait for each other. */
export function inSkuOrder(items: readonly ReservationItem[]): readonly ReservationItem[] {
  return items.toSorted((left, right) => (left.sku < right.sku ? -1 : 1));
}

/** Whether two lists have the same items, in any order. Neither repeats a sku. */
export function areSameItems(left: readonly ReservationItem[], right: readonly ReservationItem[]): boolean {
  const quantities = new Map(right.map(({ sku, quantity }) => [sku, quantity]));
  return left.length === right.length && left.every(({ sku, quantity }) => quantities.get(sku) === quantity);
}
