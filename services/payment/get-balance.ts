import { type Queryable, versionAsOf } from '#mesh';
import type { Account } from './domain/account.ts';
import { accountNotFound, accountNotOpenAt, conflictingAsOf, versionNotReached, versionOutOfRange } from './errors.ts';
import type { Books } from './streams/open-books.ts';

/** Which state of an account is wanted. 0 and `undefined`: the present. */
export interface BalanceQuery {
  readonly accountId: string;
  readonly minVersion: bigint;
  readonly asOfVersion: bigint;
  readonly asOfTime: Date | undefined;
}

/** The account as it is, or as it was at a version or a time: what its events come to. */
export async function getBalance(db: Queryable, { accounts }: Books, query: BalanceQuery): Promise<Account> {
  const { accountId, minVersion, asOfVersion, asOfTime } = query;
  if (asOfVersion > 0n && asOfTime) throw conflictingAsOf();
  const { state: account } = await accounts.load(db, accountId);
  if (!account) throw accountNotFound({ accountId });
  if (account.version < minVersion) throw versionNotReached({ account, minVersion });
  if (asOfVersion === 0n && !asOfTime) return account;
  if (asOfVersion > account.version) throw versionOutOfRange({ account, version: asOfVersion });
  const version = asOfTime
    ? await versionAsOf(db, accounts.streamOf(accountId), account.version, asOfTime.getTime())
    : asOfVersion;
  const { state: then } = await accounts.load(db, accountId, version);
  if (!then || version === 0n) throw accountNotOpenAt({ accountId, time: asOfTime ?? new Date(0) });
  return then;
}
