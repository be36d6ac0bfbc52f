import { Order, OrderState } from '#gen/order/v1/order.ts';

/** Returns an order in each state, otherwise as given. */
export function ordersByState(fields: Parameters<typeof Order.fromPartial>[0]) {
  const inState = (state: keyof typeof OrderState) => Order.fromPartial({ ...fields, state: OrderState[state] });
  return {
    PENDING: inState('ORDER_STATE_PENDING'),
    RESERVED: inState('ORDER_STATE_RESERVED'),
    PAID: inState('ORDER_STATE_PAID'),
    SHIPPED: inState('ORDER_STATE_SHIPPED'),
    COMPLETED: inState('ORDER_STATE_COMPLETED'),
    COMPENSATING: inState('ORDER_STATE_COMPENSATING'),
    FAILED: inState('ORDER_STATE_FAILED'),
    CANCELLED: inState('ORDER_STATE_CANCELLED'),
    NEEDS_ATTENTION: inState('ORDER_STATE_NEEDS_ATTENTION'),
  };
}
