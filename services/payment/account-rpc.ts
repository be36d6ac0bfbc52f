import type { Money as ProtoMoney } from '#gen/common/v1/common.ts';
import {
  AccountServiceDefinition,
  type AccountServiceImplementation,
  type DepositRequest,
  type ListAccountEventsRequest,
  type Account as ProtoAccount,
  type WithdrawRequest,
} from '#gen/payment/v1/payment.ts';
import {
  type Idempotency,
  type MeshCallContext,
  type Money,
  repeatable,
  type Storage,
  type TransactingCall,
} from '#mesh';
import {
  type Account,
  type AccountChange,
  type Movement,
  type MovementRequest,
  moveMoney,
  openAccount,
} from './domain/account.ts';
import { accountNotFound, amountNotPositive } from './errors.ts';
import { getBalance } from './get-balance.ts';
import { idempotentCall } from './idempotent-call.ts';
import { accountEventToProto, accountToProto } from './proto.ts';
import { type Accounts, accountEventOf } from './streams/account-stream.ts';

interface Deps {
  readonly storage: Storage;
  readonly accounts: Accounts;
  readonly idempotency: Idempotency;
}

const { methods } = AccountServiceDefinition;
const opening = repeatable(AccountServiceDefinition, methods.openAccount);
const depositing = repeatable(AccountServiceDefinition, methods.deposit);
const withdrawing = repeatable(AccountServiceDefinition, methods.withdraw);

/** The handlers of `payment.v1.AccountService`. */
export function createAccountRpc(deps: Deps): AccountServiceImplementation<MeshCallContext> {
  const { storage, accounts, idempotency } = deps;
  const change = (
    call: TransactingCall<ProtoAccount>,
    accountId: string,
    decide: (account: Account | undefined) => AccountChange,
  ): Promise<ProtoAccount> =>
    accounts.transact(accountId, call, async (tx, cause) =>
      accountToProto((await accounts.changeIn(tx, accountId, decide, cause)).state),
    );
  return {
    openAccount: (request, context) =>
      change(idempotentCall(idempotency, opening, request, context), request.accountId, (account) =>
        openAccount(account, request.accountId, request.currencyCode),
      ),
    deposit: (request, context) =>
      change(idempotentCall(idempotency, depositing, request, context), request.accountId, (account) =>
        moveMoney(account, transferOf(request, 'MONEY_DEPOSITED')),
      ),
    withdraw: (request, context) =>
      change(idempotentCall(idempotency, withdrawing, request, context), request.accountId, (account) =>
        moveMoney(account, transferOf(request, 'MONEY_WITHDRAWN')),
      ),
    getBalance: async (request) => accountToProto(await getBalance(storage, accounts, request)),
    listAccountEvents: (request, { signal }) => listAccountEvents(deps, request, signal),
  };
}

async function* listAccountEvents(
  { storage, accounts }: Deps,
  { accountId, afterVersion }: ListAccountEventsRequest,
  signal: AbortSignal,
) {
  const { state } = await accounts.load(storage, accountId);
  if (!state) throw accountNotFound({ accountId });
  for await (const { event, body } of accounts.read(accountId, { after: afterVersion }, signal)) {
    yield accountEventToProto(accountEventOf(event, body));
  }
}

function transferOf(request: DepositRequest | WithdrawRequest, type: Movement['type']): MovementRequest {
  const { accountId, reference } = request;
  return { accountId, type, amount: positive(request.amount), reference, purpose: 'transfer' };
}

function positive(amount: ProtoMoney | undefined): Money {
  if (!amount || amount.minorUnits <= 0n) throw amountNotPositive();
  return amount;
}
