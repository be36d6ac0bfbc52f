import type { LedgerServiceHandlers } from '#gen/payment/v1/ledger.contract.ts';
import type { GetStatementRequest, ListStatementsRequest } from '#gen/payment/v1/ledger.ts';
import { type Projector, readPages, type Storage } from '#mesh';
import type { Account } from './domain/account.ts';
import { emptyStatement } from './domain/statement.ts';
import { accountNotFound, accountNotOpenIn, statementsBehind, versionNotReached } from './errors.ts';
import { pageOfBalances } from './projections/account-balances.ts';
import { lastStatementUpTo, monthlyStatements, pageOfStatements } from './projections/monthly-statements.ts';
import { ledgerBalanceToProto, statementToProto } from './proto.ts';
import type { Accounts } from './streams/account-stream.ts';

interface Deps {
  readonly storage: Storage;
  readonly accounts: Accounts;
  readonly projector: Pick<Projector, 'reached'>;
}

/** Implements `payment.v1.LedgerService`. */
export function createLedgerRpc(deps: Deps): LedgerServiceHandlers {
  const { storage } = deps;
  return {
    listBalances: ({ afterId, limit, currencyCode }, { signal }) =>
      readPages({
        after: afterId,
        limit,
        signal,
        fetch: (after, size) => pageOfBalances(storage, after, currencyCode, size),
        cursorOf: ({ accountId }) => accountId,
        map: ledgerBalanceToProto,
      }),
    getStatement: (request, { signal }) => getStatement(deps, request, signal),
    listStatements: (request, { signal }) => listStatements(deps, request, signal),
  };
}

async function getStatement(deps: Deps, request: GetStatementRequest, signal: AbortSignal) {
  const { accountId, month } = request;
  await upToDate(deps, request, signal);
  const last = await lastStatementUpTo(deps.storage, accountId, month);
  if (!last) throw accountNotOpenIn({ accountId, month });
  return statementToProto(last.month === month ? last : emptyStatement(last, month));
}

async function* listStatements(deps: Deps, request: ListStatementsRequest, signal: AbortSignal) {
  await upToDate(deps, request, signal);
  const { accountId, afterMonth } = request;
  yield* readPages({
    after: afterMonth,
    limit: 0,
    signal,
    fetch: (after, size) => pageOfStatements(deps.storage, accountId, after, size),
    cursorOf: ({ month }) => month,
    map: statementToProto,
  });
}

/** Waits until the statements include `minVersion`. Throws NOT_FOUND `ACCOUNT_NOT_FOUND`, or ABORTED `VERSION_NOT_REACHED`. */
async function upToDate(
  { storage, accounts, projector }: Deps,
  { accountId, minVersion }: { readonly accountId: string; readonly minVersion: bigint },
  signal: AbortSignal,
): Promise<Account> {
  const { state: account } = await accounts.load(storage, accountId);
  if (!account) throw accountNotFound({ accountId });
  if (minVersion === 0n) return account;
  const stream = accounts.streamOf(accountId);
  if (!(await projector.reached(monthlyStatements.name, stream, minVersion, signal))) {
    // It may have been written meanwhile.
    const now = (await accounts.load(storage, accountId)).state ?? account;
    throw now.version < minVersion
      ? versionNotReached({ account: now, minVersion })
      : statementsBehind({ account: now, minVersion });
  }
  return account;
}
