import { type Order, OrderState } from '#gen/order/v1/order.ts';
import { type Payment, PaymentState } from '#gen/payment/v1/payment.ts';
import type { Finding } from '#mesh';
import {
  chargeDiffers,
  chargeOfEndedOrder,
  chargeWithoutOrder,
  orderNotCharged,
  refundOfCompletedOrder,
} from './errors.ts';
import { isUndone, orderStateText } from './order-states.ts';

const paidStates: readonly OrderState[] = [
  OrderState.ORDER_STATE_PAID,
  OrderState.ORDER_STATE_SHIPPED,
  OrderState.ORDER_STATE_COMPLETED,
];

/** Returns what is wrong with an order and its payment. `undefined`: nothing, or work in progress explains it. */
export function judgeCharge(
  orderId: string,
  order: Order | undefined,
  payment: Payment | undefined,
): Finding | undefined {
  const ids = [orderId];
  if (payment?.state === PaymentState.PAYMENT_STATE_CHARGED) return judgeCharged(ids, order, payment);
  if (!order || !paidStates.includes(order.state)) return undefined;
  const state = orderStateText(order.state);
  if (payment && order.state === OrderState.ORDER_STATE_COMPLETED) {
    const message = `order ${orderId} is ${state}, but its payment ${payment.id} was refunded`;
    return { reason: refundOfCompletedOrder.reason, ids, message };
  }
  const instead = payment ? `its payment ${payment.id} was refunded` : 'it has no payment';
  return { reason: orderNotCharged.reason, ids, message: `order ${orderId} is ${state}, but ${instead}` };
}

function judgeCharged(ids: readonly string[], order: Order | undefined, payment: Payment): Finding | undefined {
  const { id, orderId, userId, amount } = payment;
  if (!order) {
    const message = `payment ${id} is for order ${orderId}, which does not exist`;
    return { reason: chargeWithoutOrder.reason, ids, message };
  }
  if (isUndone(order.state)) {
    const message = `order ${orderId} is ${orderStateText(order.state)}, but its payment ${id} was not refunded`;
    return { reason: chargeOfEndedOrder.reason, ids, message };
  }
  const [charged, due] = [bill(userId, amount), bill(order.userId, order.total)];
  if (charged === due) return undefined;
  const message = `order ${orderId} is over ${due}, but its payment ${id} over ${charged}`;
  return { reason: chargeDiffers.reason, ids, message };
}

function bill(userId: string, amount: Order['total']): string {
  return `${amount?.minorUnits ?? 'no'} minor units of ${amount?.currencyCode ?? 'money'} of user ${userId}`;
}
