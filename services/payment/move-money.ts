import type { Outbox } from '../../mesh/events/outbox.ts';
import type { Transaction } from '../../mesh/storage/storage.ts';
import { type Account, type Money, moved, type Occasion } from './account.ts';
import { findAccount, insertAccountEvent, moveBalance } from './account-store.ts';
import { accountNotFound, balanceTooLarge, currencyMismatch, insufficientFunds } from './errors.ts';
import { paymentEvent } from './events.ts';
import type { Payment } from './payment.ts';

/** A movement of money on or off one account. */
export interface Movement {
  readonly accountId: string;
  readonly type: 'MONEY_DEPOSITED' | 'MONEY_WITHDRAWN';
  /** Not negative. */
  readonly amount: Money;
  readonly occasion: Occasion;
  /** The payment that moves the money, when one does. */
  readonly payment?: Payment;
}

/**
 * Moves money, keeps the event for ever and publishes it. Refuses an unknown account, another currency than its own, and
 * what would leave it below zero or beyond int64.
 */
export async function moveMoney(tx: Transaction, movement: Movement, outbox: Outbox): Promise<Account> {
  const { accountId, type, amount, occasion } = movement;
  const minorUnits = type === 'MONEY_DEPOSITED' ? amount.minorUnits : -amount.minorUnits;
  const account = await moveBalance(tx, accountId, { ...amount, minorUnits }, occasion.timeMs);
  if (!account) throw await refusalOf(tx, movement);
  const event = moved(account, type, amount, occasion);
  await insertAccountEvent(tx, event);
  await outbox.addEvent(tx, paymentEvent(event, movement.payment));
  return account;
}

async function refusalOf(tx: Transaction, { accountId, type, amount }: Movement): Promise<Error> {
  const account = await findAccount(tx, accountId);
  if (!account) return accountNotFound(accountId);
  if (account.balance.currencyCode !== amount.currencyCode) return currencyMismatch(account, amount);
  return type === 'MONEY_DEPOSITED' ? balanceTooLarge(account) : insufficientFunds(account, amount);
}
