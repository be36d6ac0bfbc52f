/** An amount in the smallest unit of its currency. */
export interface Money {
  readonly currencyCode: string;
  readonly minorUnits: bigint;
}

/** An account as its last event left it. Times are in milliseconds since the epoch. */
export interface Account {
  readonly id: string;
  readonly balance: Money;
  readonly version: bigint;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** What can happen to an account, by the names that the contract has for it. */
export type AccountEventType = 'ACCOUNT_OPENED' | 'MONEY_DEPOSITED' | 'MONEY_WITHDRAWN';

/** Something that happened to an account, kept for ever. */
export interface AccountEvent {
  readonly accountId: string;
  readonly version: bigint;
  readonly type: AccountEventType;
  readonly amount: Money;
  readonly previousBalance: Money;
  readonly newBalance: Money;
  readonly reference: string;
  readonly correlationId: string;
  readonly timeMs: number;
}

/** What an event says beside the numbers. */
export interface Occasion {
  readonly reference: string;
  readonly correlationId: string;
  readonly timeMs: number;
}

/** The greatest balance: an int64 in the contract. */
export const greatestBalance = 2n ** 63n - 1n;

/** The event that opened an account. */
export function opened(account: Account, occasion: Occasion): AccountEvent {
  const nothing = { currencyCode: account.balance.currencyCode, minorUnits: 0n };
  return {
    accountId: account.id,
    version: account.version,
    type: 'ACCOUNT_OPENED',
    amount: nothing,
    previousBalance: nothing,
    newBalance: nothing,
    ...occasion,
  };
}

/** The event that left `account` as it is now, by moving `amount` on it or off it. */
export function moved(
  account: Account,
  type: 'MONEY_DEPOSITED' | 'MONEY_WITHDRAWN',
  amount: Money,
  { reference, correlationId }: Occasion,
): AccountEvent {
  const { currencyCode, minorUnits } = account.balance;
  const before = type === 'MONEY_DEPOSITED' ? minorUnits - amount.minorUnits : minorUnits + amount.minorUnits;
  return {
    accountId: account.id,
    version: account.version,
    type,
    amount,
    previousBalance: { currencyCode, minorUnits: before },
    newBalance: account.balance,
    reference,
    correlationId,
    timeMs: account.updateTimeMs,
  };
}
