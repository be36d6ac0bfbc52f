import type { Money as ProtoMoney } from '../../gen/ts/common/v1/common.ts';
import {
  AccountServiceDefinition,
  type AccountServiceImplementation,
  type DepositRequest,
  type ListAccountEventsRequest,
  type WithdrawRequest,
} from '../../gen/ts/payment/v1/payment.ts';
import type { Outbox } from '../../mesh/events/outbox.ts';
import type { Idempotency } from '../../mesh/idempotency/idempotency.ts';
import { repeatable } from '../../mesh/idempotency/repeatable.ts';
import type { MeshCallContext } from '../../mesh/server/call-context.ts';
import { readPages } from '../../mesh/storage/read-pages.ts';
import type { Queryable, Storage } from '../../mesh/storage/storage.ts';
import type { Clock } from '../../mesh/telemetry/clock.ts';
import type { Money } from './account.ts';
import { findAccount, pageOfEvents } from './account-store.ts';
import { accountNotFound, amountNotPositive } from './errors.ts';
import { getBalance } from './get-balance.ts';
import { type Movement, moveMoney } from './move-money.ts';
import { openAccount } from './open-account.ts';
import { accountEventToProto, accountToProto } from './proto.ts';

/** What the handlers stand on. */
export interface AccountRpcDeps {
  readonly storage: Storage;
  readonly idempotency: Idempotency;
  readonly outbox: Outbox;
  readonly clock: Clock;
}

const { methods } = AccountServiceDefinition;
const opening = repeatable(AccountServiceDefinition, methods.openAccount);
const depositing = repeatable(AccountServiceDefinition, methods.deposit);
const withdrawing = repeatable(AccountServiceDefinition, methods.withdraw);

/** The handlers of `payment.v1.AccountService`. */
export function createAccountRpc(deps: AccountRpcDeps): AccountServiceImplementation<MeshCallContext> {
  const { storage, idempotency, outbox, clock } = deps;
  const movement = (
    request: DepositRequest | WithdrawRequest,
    type: Movement['type'],
    context: MeshCallContext,
  ): Movement => ({
    accountId: request.accountId,
    type,
    amount: positive(request.amount),
    occasion: { reference: request.reference, correlationId: context.requestId, timeMs: clock.now() },
  });
  return {
    openAccount: (request, context) =>
      idempotency.once(opening, request, async (tx) => {
        const occasion = { reference: '', correlationId: context.requestId, timeMs: clock.now() };
        const draft = { id: request.accountId, currencyCode: request.currencyCode, occasion };
        return accountToProto(await openAccount(tx, draft, outbox));
      }),
    deposit: (request, context) =>
      idempotency.once(depositing, request, async (tx) =>
        accountToProto(await moveMoney(tx, movement(request, 'MONEY_DEPOSITED', context), outbox)),
      ),
    withdraw: (request, context) =>
      idempotency.once(withdrawing, request, async (tx) =>
        accountToProto(await moveMoney(tx, movement(request, 'MONEY_WITHDRAWN', context), outbox)),
      ),
    getBalance: async (request) => accountToProto(await getBalance(storage, request)),
    listAccountEvents: (request, context) => listAccountEvents(storage, request, context.signal),
  };
}

async function* listAccountEvents(db: Queryable, request: ListAccountEventsRequest, signal: AbortSignal) {
  const { accountId, afterVersion } = request;
  if (!(await findAccount(db, accountId))) throw accountNotFound(accountId);
  const pages = readPages({
    after: afterVersion,
    limit: 0,
    signal,
    fetch: (after, size) => pageOfEvents(db, accountId, after, size),
    cursorOf: (event) => event.version,
  });
  for await (const page of pages) yield* page.map(accountEventToProto);
}

function positive(amount: ProtoMoney | undefined): Money {
  if (!amount || amount.minorUnits <= 0n) throw amountNotPositive();
  return amount;
}
