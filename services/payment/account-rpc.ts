import type { Money as ProtoMoney } from '#gen/common/v1/common.ts';
import {
  AccountServiceDefinition,
  type AccountServiceImplementation,
  type DepositRequest,
  type ListAccountEventsRequest,
  type WithdrawRequest,
} from '#gen/payment/v1/payment.ts';
import type { Money } from '#mesh';
import { type EventStore, type MeshCallContext, repeatable, type Storage } from '#mesh';
import { accountEventOf } from './account-event.ts';
import { moveMoneyIn, openAccountIn } from './change-account.ts';
import type { Movement, WantedMovement } from './domain/account.ts';
import { accountNotFound, amountNotPositive } from './errors.ts';
import { getBalance } from './get-balance.ts';
import type { MakeChange } from './make-change.ts';
import { accountEventToProto, accountToProto } from './proto.ts';
import type { Books } from './streams/open-books.ts';

/** What the handlers stand on. */
export interface AccountRpcDeps {
  readonly storage: Storage;
  readonly store: EventStore;
  readonly books: Books;
  readonly makeChange: MakeChange;
}

const { methods } = AccountServiceDefinition;
const opening = repeatable(AccountServiceDefinition, methods.openAccount);
const depositing = repeatable(AccountServiceDefinition, methods.deposit);
const withdrawing = repeatable(AccountServiceDefinition, methods.withdraw);

/** The handlers of `payment.v1.AccountService`. */
export function createAccountRpc(deps: AccountRpcDeps): AccountServiceImplementation<MeshCallContext> {
  const { storage, books, makeChange } = deps;
  return {
    openAccount: (request, context) =>
      makeChange(opening, request, request.accountId, context, async (tx, cause) =>
        accountToProto(await openAccountIn(tx, books, request.accountId, request.currencyCode, cause)),
      ),
    deposit: (request, context) =>
      makeChange(depositing, request, request.accountId, context, async (tx, cause) =>
        accountToProto(await moveMoneyIn(tx, books, transferOf(request, 'MONEY_DEPOSITED'), cause)),
      ),
    withdraw: (request, context) =>
      makeChange(withdrawing, request, request.accountId, context, async (tx, cause) =>
        accountToProto(await moveMoneyIn(tx, books, transferOf(request, 'MONEY_WITHDRAWN'), cause)),
      ),
    getBalance: async (request) => accountToProto(await getBalance(storage, books, request)),
    listAccountEvents: (request, context) => listAccountEvents(deps, request, context.signal),
  };
}

async function* listAccountEvents(
  { storage, store, books: { accounts } }: AccountRpcDeps,
  { accountId, afterVersion }: ListAccountEventsRequest,
  signal: AbortSignal,
) {
  const { version } = await accounts.load(storage, accountId);
  if (version === 0n) throw accountNotFound({ accountId });
  const { events } = accounts.definition;
  for await (const event of store.read(accounts.streamOf(accountId), { after: afterVersion }, signal)) {
    yield accountEventToProto(accountEventOf(event, events.decode(event)));
  }
}

function transferOf(request: DepositRequest | WithdrawRequest, type: Movement['type']): WantedMovement {
  const { accountId, reference } = request;
  return { accountId, type, amount: positive(request.amount), reference, purpose: 'transfer' };
}

function positive(amount: ProtoMoney | undefined): Money {
  if (!amount || amount.minorUnits <= 0n) throw amountNotPositive();
  return amount;
}
