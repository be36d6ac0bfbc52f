import {
  PaymentState,
  type Account as ProtoAccount,
  type AccountEvent as ProtoAccountEvent,
  type Payment as ProtoPayment,
} from '../../gen/ts/payment/v1/payment.ts';
import type { Account, AccountEvent } from './account.ts';
import type { Payment } from './payment.ts';

/** An account as its contract has it. */
export function accountToProto(account: Account): ProtoAccount {
  return {
    id: account.id,
    balance: account.balance,
    version: account.version,
    createTime: new Date(account.createTimeMs),
    updateTime: new Date(account.updateTimeMs),
  };
}

/** An account's event as its contract has it. */
export function accountEventToProto({ timeMs, ...event }: AccountEvent): ProtoAccountEvent {
  return { ...event, time: new Date(timeMs) };
}

/** A payment as its contract has it. */
export function paymentToProto(payment: Payment): ProtoPayment {
  return {
    id: payment.id,
    orderId: payment.orderId,
    userId: payment.userId,
    amount: payment.amount,
    state: PaymentState[`PAYMENT_STATE_${payment.state}`],
    createTime: new Date(payment.createTimeMs),
    updateTime: new Date(payment.updateTimeMs),
  };
}
