import type { LedgerBalance as ProtoLedgerBalance, Statement as ProtoStatement } from '#gen/payment/v1/ledger.ts';
import {
  PaymentState,
  type Account as ProtoAccount,
  type AccountEvent as ProtoAccountEvent,
  type Payment as ProtoPayment,
} from '#gen/payment/v1/payment.ts';
import { isInt64, type Money } from '#mesh';
import type { Account } from './domain/account.ts';
import type { Payment } from './domain/payment.ts';
import type { Statement } from './domain/statement.ts';
import { sumTooLarge } from './errors.ts';
import type { LedgerBalance } from './projections/account-balances.ts';
import type { AccountEvent } from './streams/account-stream.ts';

export function accountToProto(account: Account): ProtoAccount {
  return {
    id: account.id,
    balance: account.balance,
    version: account.version,
    createTime: new Date(account.createTimeMs),
    updateTime: new Date(account.updateTimeMs),
  };
}

export function accountEventToProto({ timeMs, ...event }: AccountEvent): ProtoAccountEvent {
  return { ...event, time: new Date(timeMs) };
}

export function paymentToProto(payment: Payment): ProtoPayment {
  return {
    id: payment.id,
    orderId: payment.orderId,
    userId: payment.userId,
    amount: payment.amount,
    state: PaymentState[`PAYMENT_STATE_${payment.state}`],
    owner: payment.owner,
    createTime: new Date(payment.createTimeMs),
    updateTime: new Date(payment.updateTimeMs),
  };
}

/** Throws OUT_OF_RANGE `SUM_TOO_LARGE` above 64 bits, which only accounts outside can have. */
export function ledgerBalanceToProto({ accountId, balance, version, updateTimeMs }: LedgerBalance): ProtoLedgerBalance {
  return { accountId, balance: toInt64Money(balance, accountId), version, updateTime: new Date(updateTimeMs) };
}

/** Throws OUT_OF_RANGE `SUM_TOO_LARGE` for sums above 64 bits. */
export function statementToProto(statement: Statement): ProtoStatement {
  const { accountId, month, currencyCode, eventCount, lastVersion } = statement;
  const money = (minorUnits: bigint) => toInt64Money({ currencyCode, minorUnits }, `${accountId} in ${month}`);
  return {
    accountId,
    month,
    openingBalance: money(statement.openingBalance),
    deposited: money(statement.deposited),
    withdrawn: money(statement.withdrawn),
    closingBalance: money(statement.closingBalance),
    eventCount,
    lastVersion,
  };
}

function toInt64Money(money: Money, of: string): Money {
  if (!isInt64(money.minorUnits)) throw sumTooLarge({ of });
  return money;
}
