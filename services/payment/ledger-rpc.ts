import type {
  GetStatementRequest,
  LedgerServiceImplementation,
  ListBalancesRequest,
  ListStatementsRequest,
} from '#gen/payment/v1/ledger.ts';
import { type MeshCallContext, type Projector, type Queryable, readPages, type Storage } from '#mesh';
import type { Account } from './domain/account.ts';
import { quietMonth } from './domain/statement.ts';
import { accountNotFound, accountNotOpenIn, statementsBehind, versionNotReached } from './errors.ts';
import { pageOfBalances } from './projections/account-balances.ts';
import { lastStatementUpTo, monthlyStatements, pageOfStatements } from './projections/monthly-statements.ts';
import { ledgerBalanceToProto, statementToProto } from './proto.ts';
import type { Accounts } from './streams/account-stream.ts';

/** What the handlers stand on. */
export interface LedgerRpcDeps {
  readonly storage: Storage;
  readonly accounts: Accounts;
  readonly projector: Pick<Projector, 'reached'>;
}

/** The handlers of `payment.v1.LedgerService`. */
export function createLedgerRpc(deps: LedgerRpcDeps): LedgerServiceImplementation<MeshCallContext> {
  const { storage } = deps;
  return {
    listBalances: (request, { signal }) => listBalances(storage, request, signal),
    getStatement: (request, { signal }) => getStatement(deps, request, signal),
    listStatements: (request, { signal }) => listStatements(deps, request, signal),
  };
}

async function* listBalances(
  db: Queryable,
  { afterId, limit, currencyCode }: ListBalancesRequest,
  signal: AbortSignal,
) {
  const pages = readPages({
    after: afterId,
    limit,
    signal,
    fetch: (after, size) => pageOfBalances(db, after, currencyCode, size),
    cursorOf: ({ accountId }) => accountId,
  });
  // One by one: what is told before one that cannot be told is told.
  for await (const page of pages) for (const balance of page) yield ledgerBalanceToProto(balance);
}

async function getStatement(deps: LedgerRpcDeps, request: GetStatementRequest, signal: AbortSignal) {
  const { accountId, month } = request;
  await upToDate(deps, request, signal);
  const last = await lastStatementUpTo(deps.storage, accountId, month);
  if (!last) throw accountNotOpenIn({ accountId, month });
  return statementToProto(last.month === month ? last : quietMonth(last, month));
}

async function* listStatements(deps: LedgerRpcDeps, request: ListStatementsRequest, signal: AbortSignal) {
  await upToDate(deps, request, signal);
  const pages = readPages({
    after: request.afterMonth,
    limit: 0,
    signal,
    fetch: (after, size) => pageOfStatements(deps.storage, request.accountId, after, size),
    cursorOf: ({ month }) => month,
  });
  for await (const page of pages) for (const statement of page) yield statementToProto(statement);
}

/** Waits until the statements have the version in them that is asked for. Refuses an account that is not there. */
async function upToDate(
  { storage, accounts, projector }: LedgerRpcDeps,
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
