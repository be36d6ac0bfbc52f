import type { Queryable } from '#mesh';
import type { Account } from './domain/account.ts';
import { accountNotFound, accountNotOpenAt, conflictingAsOf, versionNotReached, versionOutOfRange } from './errors.ts';
import type { Accounts } from './streams/account-stream.ts';

/** Selects a state of an account. With 0 and `undefined` it is the current one. */
export interface BalanceQuery {
  readonly accountId: string;
  readonly minVersion: bigint;
  readonly asOfVersion: bigint;
  readonly asOfTime: Date | undefined;
}

/** Returns the current account, or the account at a past version or time. */
export async function getBalance(db: Queryable, accounts: Accounts, query: BalanceQuery): Promise<Account> {
  const { accountId, minVersion, asOfVersion, asOfTime } = query;
  if (asOfVersion > 0n && asOfTime) throw conflictingAsOf();
  const { state: account } = await accounts.load(db, accountId);
  if (!account) throw accountNotFound({ accountId });
  if (account.version < minVersion) throw versionNotReached({ account, minVersion });
  if (asOfVersion === 0n && !asOfTime) return account;
  if (asOfVersion > account.version) throw versionOutOfRange({ account, version: asOfVersion });
  const past = asOfTime ? { timeMs: asOfTime.getTime() } : { version: asOfVersion };
  const { state: then } = await accounts.load(db, accountId, past);
  if (!then) throw accountNotOpenAt({ accountId, time: asOfTime ?? new Date(0) });
  return then;
}
