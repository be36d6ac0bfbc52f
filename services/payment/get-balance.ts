import type { Queryable } from '../../mesh/storage/storage.ts';
import type { Account, AccountEvent } from './account.ts';
import { findAccount, findEventAtTime, findEventOfVersion } from './account-store.ts';
import { accountNotFound, accountNotOpenThen, twoPasts, versionNotReached, versionOutOfRange } from './errors.ts';

/** Which state of an account is wanted. 0 and `undefined`: the present. */
export interface BalanceQuery {
  readonly accountId: string;
  readonly minVersion: bigint;
  readonly asOfVersion: bigint;
  readonly asOfTime: Date | undefined;
}

/** The account as it is, or as it was at a version or a time. */
export async function getBalance(db: Queryable, query: BalanceQuery): Promise<Account> {
  if (query.asOfVersion > 0n && query.asOfTime) throw twoPasts();
  const account = await findAccount(db, query.accountId);
  if (!account) throw accountNotFound(query.accountId);
  if (account.version < query.minVersion) throw versionNotReached(account, query.minVersion);
  if (query.asOfVersion > 0n) {
    const event = await findEventOfVersion(db, account.id, query.asOfVersion);
    if (!event) throw versionOutOfRange(account, query.asOfVersion);
    return accountAt(account, event);
  }
  if (query.asOfTime) {
    const event = await findEventAtTime(db, account.id, query.asOfTime.getTime());
    if (!event) throw accountNotOpenThen(account.id, query.asOfTime);
    return accountAt(account, event);
  }
  return account;
}

function accountAt(account: Account, event: AccountEvent): Account {
  return { ...account, balance: event.newBalance, version: event.version, updateTimeMs: event.timeMs };
}
