import type { AccountChange } from './account.ts';

/** One side of a double entry. */
export interface Posting {
  /** The account's id, or `@world.USD`, `@sales.USD`: callers cannot choose those, since ids begin with a letter or digit. */
  readonly accountId: string;
  readonly currencyCode: string;
  /** Positive: credited to the account. Negative: debited. */
  readonly minorUnits: bigint;
}

/** Returns both sides of a change. They sum to zero; an opening has none. */
export function postingsOf(accountId: string, change: AccountChange): readonly Posting[] {
  if (change.type === 'ACCOUNT_OPENED') return [];
  const { currencyCode, minorUnits: amount } = change.amount;
  const minorUnits = change.type === 'MONEY_DEPOSITED' ? amount : -amount;
  return [
    { accountId, currencyCode, minorUnits },
    { accountId: change.counterpart, currencyCode, minorUnits: -minorUnits },
  ];
}
