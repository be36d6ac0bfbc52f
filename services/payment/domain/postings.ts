import type { AccountChange } from './account.ts';

/** One side of a double entry. */
export interface Posting {
  /** The account's id, or `@world.USD`, `@sales.USD`, which no caller can have chosen: ids begin with a letter or digit. */
  readonly accountId: string;
  readonly currencyCode: string;
  /** What comes onto the account; negative: what comes off it. */
  readonly minorUnits: bigint;
}

/** Both sides of what happened to an account. They sum to zero; an opening moves nothing. */
export function postingsOf(accountId: string, change: AccountChange): readonly Posting[] {
  if (change.type === 'ACCOUNT_OPENED') return [];
  const { currencyCode, minorUnits: amount } = change.amount;
  const minorUnits = change.type === 'MONEY_DEPOSITED' ? amount : -amount;
  return [
    { accountId, currencyCode, minorUnits },
    { accountId: change.counterpart, currencyCode, minorUnits: -minorUnits },
  ];
}
