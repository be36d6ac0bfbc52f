import { OrderState, orderStateToJSON } from '#gen/order/v1/order.ts';

/** `COMPLETED`. */
export function orderStateText(state: OrderState): string {
  return orderStateToJSON(state).replace('ORDER_STATE_', '');
}

/** Whether an order ended without effect. */
export function isUndone(state: OrderState): boolean {
  return state === OrderState.ORDER_STATE_FAILED || state === OrderState.ORDER_STATE_CANCELLED;
}
