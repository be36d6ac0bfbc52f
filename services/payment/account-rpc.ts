import type {
  AccountServiceHandlers,
  ValidDepositRequest,
  ValidWithdrawRequest,
} from '#gen/payment/v1/payment.contract.ts';
import type { ListAccountEventsRequest, Account as ProtoAccount } from '#gen/payment/v1/payment.ts';
import type { Caller, Queryable, Storage, TransactingCall } from '#mesh';
import {
  type Account,
  type AccountChange,
  type Movement,
  type MovementRequest,
  moveMoney,
  openAccount,
} from './domain/account.ts';
import {
  accountNotFound,
  accountNotOpenAt,
  amountNotPositive,
  conflictingAsOf,
  versionNotReached,
  versionOutOfRange,
} from './errors.ts';
import { accountEventToProto, accountToProto } from './proto.ts';
import { type Accounts, accountEventOf } from './streams/account-stream.ts';

interface Deps {
  readonly storage: Storage;
  readonly accounts: Accounts;
}

/** Implements `payment.v1.AccountService`. */
export function createAccountRpc(deps: Deps): AccountServiceHandlers {
  const { storage, accounts } = deps;
  const change = (
    call: TransactingCall<ProtoAccount>,
    accountId: string,
    decide: (account: Account | undefined) => AccountChange,
  ): Promise<ProtoAccount> =>
    accounts.transact(accountId, call, async (tx, cause) =>
      accountToProto((await accounts.changeIn(tx, accountId, decide, cause)).state),
    );
  return {
    openAccount: ({ accountId, currencyCode }, call) =>
      change(call, accountId, (account) => openAccount(account, accountId, currencyCode)),

    deposit: (request, call) =>
      change(call, request.accountId, (account) => moveMoney(account, transferOf(request, 'MONEY_DEPOSITED'))),

    withdraw: (request, call) =>
      change(call, request.accountId, (account) => moveMoney(account, transferOf(request, 'MONEY_WITHDRAWN'))),

    getBalance: async (request) => accountToProto(await getBalance(storage, accounts, request)),

    listAccountEvents: (request, { signal, caller }) => listAccountEvents(deps, request, signal, caller),
  };
}

async function* listAccountEvents(
  { storage, accounts }: Deps,
  { accountId, afterVersion }: ListAccountEventsRequest,
  signal: AbortSignal,
  caller: Caller | undefined,
) {
  const { state } = await accounts.load(storage, accountId);
  if (!state) throw accountNotFound({ accountId });
  for await (const { event, body } of accounts.read(accountId, { after: afterVersion }, signal)) {
    const told = accountEventOf(event, body);
    yield accountEventToProto({ ...told, actor: actorFor(caller, accountId, told.actor) });
  }
}

/**
 * Returns who made a change, as the caller may know it: who of the staff it was is nothing for the user of the account.
 */
function actorFor(caller: Caller | undefined, accountId: string, actor: string): string {
  if (caller?.subject !== accountId || caller.service !== undefined) return actor;
  const user = `user:${encodeURIComponent(accountId)}`;
  const parts = actor.split(';').map((part) => (part.startsWith('user:') && part !== user ? 'operator' : part));
  return parts.join(';');
}

function transferOf(
  { accountId, amount, reference }: ValidDepositRequest | ValidWithdrawRequest,
  type: Movement['type'],
): MovementRequest {
  if (amount.minorUnits <= 0n) throw amountNotPositive();
  return { accountId, type, amount, reference, purpose: 'transfer' };
}

/** Selects a state of an account. With 0 and `undefined` it is the current one. */
interface BalanceQuery {
  readonly accountId: string;
  readonly minVersion: bigint;
  readonly asOfVersion: bigint;
  readonly asOfTime: Date | undefined;
}

/** Returns the current account, or the account at a past version or time. */
async function getBalance(db: Queryable, accounts: Accounts, query: BalanceQuery): Promise<Account> {
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
