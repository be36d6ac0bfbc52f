import type { AccountChange } from './account.ts';

/** The movements of an account in a month. Amounts are in minor units of the account's currency. */
export interface Statement {
  readonly accountId: string;
  /** `2026-11`, in UTC. */
  readonly month: string;
  readonly currencyCode: string;
  readonly openingBalance: bigint;
  readonly deposited: bigint;
  readonly withdrawn: bigint;
  readonly closingBalance: bigint;
  readonly eventCount: bigint;
  readonly lastVersion: bigint;
}

/** Returns the month of a time, in milliseconds since the epoch. */
export function monthOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, '2026-11'.length);
}

/** Returns a month's statement after a change; `statement` is `undefined` before the first. */
export function addToStatement(
  statement: Statement | undefined,
  accountId: string,
  month: string,
  change: AccountChange,
  version: bigint,
): Statement {
  const opening = change.type === 'ACCOUNT_OPENED';
  const currencyCode = opening ? change.currencyCode : change.newBalance.currencyCode;
  const previous = opening ? 0n : change.previousBalance.minorUnits;
  const empty = { openingBalance: previous, deposited: 0n, withdrawn: 0n, eventCount: 0n };
  const { openingBalance, deposited, withdrawn, eventCount } = statement ?? empty;
  const amount = opening ? 0n : change.amount.minorUnits;
  return {
    accountId,
    month,
    currencyCode,
    openingBalance,
    deposited: deposited + (change.type === 'MONEY_DEPOSITED' ? amount : 0n),
    withdrawn: withdrawn + (change.type === 'MONEY_WITHDRAWN' ? amount : 0n),
    closingBalance: opening ? 0n : change.newBalance.minorUnits,
    eventCount: eventCount + 1n,
    lastVersion: version,
  };
}

/** Returns the statement of a month without changes. `last` is the last statement before it. */
export function emptyStatement(last: Statement, month: string): Statement {
  const { closingBalance } = last;
  return { ...last, month, openingBalance: closingBalance, deposited: 0n, withdrawn: 0n, eventCount: 0n };
}
