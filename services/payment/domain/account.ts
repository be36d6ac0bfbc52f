import { isInt64, type Money } from '#mesh';
import { accountExists, accountNotFound, balanceTooLarge, currencyMismatch, insufficientFunds } from '../errors.ts';

/** The current state of an account. Times are in milliseconds since the epoch. */
export interface Account {
  readonly id: string;
  readonly balance: Money;
  readonly version: bigint;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** The opening of an account. */
export interface Opening {
  readonly type: 'ACCOUNT_OPENED';
  readonly currencyCode: string;
}

/** A movement of money. */
export interface Movement {
  readonly type: 'MONEY_DEPOSITED' | 'MONEY_WITHDRAWN';
  readonly amount: Money;
  readonly previousBalance: Money;
  readonly newBalance: Money;
  /** The caller's text; `order:<id>` for charges and refunds. */
  readonly reference: string;
  /** The account on the other side of the double entry: `@world.USD`. */
  readonly counterpart: string;
}

/** What can happen to an account. */
export type AccountChange = Opening | Movement;

/** The version and the time of a change. */
export interface Occurrence {
  readonly version: bigint;
  readonly timeMs: number;
}

/** Why money is moved: `transfer` to or from outside, `order` to or from the shop. */
export type Purpose = 'transfer' | 'order';

/** A movement to decide on. */
export interface MovementRequest {
  readonly accountId: string;
  readonly type: Movement['type'];
  /** Not negative. */
  readonly amount: Money;
  readonly reference: string;
  readonly purpose: Purpose;
}

/** Decides to open an account. Throws ALREADY_EXISTS `ACCOUNT_EXISTS`. */
export function openAccount(account: Account | undefined, id: string, currencyCode: string): Opening {
  if (account) throw accountExists({ accountId: id });
  return { type: 'ACCOUNT_OPENED', currencyCode };
}

/**
 * Decides to move money. Throws NOT_FOUND `ACCOUNT_NOT_FOUND`, and FAILED_PRECONDITION `CURRENCY_MISMATCH`,
 * `INSUFFICIENT_FUNDS` or `BALANCE_TOO_LARGE`.
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

/** Whether an account is outside the users' accounts. */
export function isOutside(accountId: string): boolean {
  return accountId.startsWith('@');
}

/** Returns the account on the other side of a movement. */
export function counterpartOf(purpose: Purpose, currencyCode: string): string {
  return `${purpose === 'order' ? '@sales' : '@world'}.${currencyCode}`;
}

/** Returns the account after a change. */
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
  // Computed from the amount. The audit checks the balances in the event against it.
  const before = account?.balance.minorUnits ?? 0n;
  const { minorUnits, currencyCode } = change.amount;
  const after = change.type === 'MONEY_DEPOSITED' ? before + minorUnits : before - minorUnits;
  return { id, balance: { currencyCode, minorUnits: after }, version, createTimeMs, updateTimeMs: timeMs };
}
