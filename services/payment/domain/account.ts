import { isInt64, type Money } from '#mesh';
import { accountExists, accountNotFound, balanceTooLarge, currencyMismatch, insufficientFunds } from '../errors.ts';
import { counterpartOf, type Purpose } from './ledger.ts';

/** An account as its last event left it. Times are in milliseconds since the epoch. */
export interface Account {
  readonly id: string;
  readonly balance: Money;
  readonly version: bigint;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** An account's opening, as its event says it. */
export interface Opening {
  readonly type: 'ACCOUNT_OPENED';
  readonly currencyCode: string;
}

/** A movement of money, as its event says it. */
export interface Movement {
  readonly type: 'MONEY_DEPOSITED' | 'MONEY_WITHDRAWN';
  readonly amount: Money;
  readonly previousBalance: Money;
  readonly newBalance: Money;
  /** What the caller wrote on it; `order:<id>` for charges and refunds. */
  readonly reference: string;
  /** The account on the other side of the double entry: `@world.USD`. */
  readonly counterpart: string;
}

/** What can happen to an account. */
export type AccountChange = Opening | Movement;

/** When something happened to an account, and what version it made. */
export interface Occurrence {
  readonly version: bigint;
  readonly timeMs: number;
}

/** A movement to decide on. */
export interface MovementRequest {
  readonly accountId: string;
  readonly type: Movement['type'];
  /** Not negative. */
  readonly amount: Money;
  readonly reference: string;
  readonly purpose: Purpose;
}

/** What happens when an account is opened. Refuses a taken id. */
export function openAccount(account: Account | undefined, id: string, currencyCode: string): Opening {
  if (account) throw accountExists({ accountId: id });
  return { type: 'ACCOUNT_OPENED', currencyCode };
}

/**
 * What happens when money is moved. Refuses an account that is not there, another currency than its own, and what would
 * leave it below zero or beyond int64.
 */
export function moveMoney(account: Account | undefined, wanted: MovementRequest): Movement {
  const { accountId, type, amount, reference, purpose } = wanted;
  if (!account) throw accountNotFound({ accountId });
  const { currencyCode, minorUnits } = account.balance;
  if (currencyCode !== amount.currencyCode) throw currencyMismatch({ account, amount });
  const after = type === 'MONEY_DEPOSITED' ? minorUnits + amount.minorUnits : minorUnits - amount.minorUnits;
  if (after < 0n) throw insufficientFunds({ account, amount });
  if (!isInt64(after)) throw balanceTooLarge({ accountId });
  const newBalance = { currencyCode, minorUnits: after };
  const counterpart = counterpartOf(purpose, currencyCode);
  return { type, amount, previousBalance: account.balance, newBalance, reference, counterpart };
}

/** The account after something happened to it. */
export function evolveAccount(
  account: Account | undefined,
  id: string,
  change: AccountChange,
  { version, timeMs }: Occurrence,
): Account {
  if (change.type === 'ACCOUNT_OPENED') {
    const balance = { currencyCode: change.currencyCode, minorUnits: 0n };
    return { id, balance, version, createTimeMs: timeMs, updateTimeMs: timeMs };
  }
  const createTimeMs = account?.createTimeMs ?? timeMs;
  // From the amount and not from what the event says came of it: the one is the truth, the other is checked against it.
  const before = account?.balance.minorUnits ?? 0n;
  const { minorUnits, currencyCode } = change.amount;
  const after = change.type === 'MONEY_DEPOSITED' ? before + minorUnits : before - minorUnits;
  return { id, balance: { currencyCode, minorUnits: after }, version, createTimeMs, updateTimeMs: timeMs };
}
