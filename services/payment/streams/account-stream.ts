import {
  type AggregateDefinition,
  defineEventTypes,
  type EventType,
  type JsonObject,
  moneyFromJson,
  moneyToJson,
  type RecordedEvent,
} from '#mesh';
import { type Account, type AccountChange, evolveAccount, type Movement } from '../domain/account.ts';
import { counterpartOf } from '../domain/ledger.ts';

const category = 'account';

/** The events of accounts, as they are stored. */
export const accountEventTypes = defineEventTypes<AccountChange>({
  ACCOUNT_OPENED: {
    upcasters: [],
    encode: ({ currencyCode }) => ({ currency: currencyCode }),
    decode: ({ currency }) => ({ type: 'ACCOUNT_OPENED', currencyCode: String(currency) }),
  },
  MONEY_DEPOSITED: movement('MONEY_DEPOSITED'),
  MONEY_WITHDRAWN: movement('MONEY_WITHDRAWN'),
});

/** An account as what happened to it; `undefined` before it is opened. */
export const accountDefinition: AggregateDefinition<Account | undefined, AccountChange> = {
  category,
  initial: undefined,
  events: accountEventTypes,
  evolve: (account, change, event) => evolveAccount(account, accountIdOf(event), change, event),
  snapshots: { every: 100, schemaVersion: 1, encode: encodeAccount, decode: decodeAccount },
};

/** Whether an event happened to an account. */
export function isOfAccount({ stream }: RecordedEvent): boolean {
  return stream.startsWith(`${category}-`);
}

/** The account that an event happened to. */
export function accountIdOf({ stream }: RecordedEvent): string {
  return stream.slice(category.length + 1);
}

function movement<Type extends Movement['type']>(type: Type): EventType<Movement & { readonly type: Type }> {
  return {
    upcasters: [withCounterpart],
    encode: ({ amount, previousBalance, newBalance, reference, counterpart }) => ({
      amount: moneyToJson(amount),
      previousBalance: moneyToJson(previousBalance),
      newBalance: moneyToJson(newBalance),
      reference,
      counterpart,
    }),
    decode: (data) => ({
      type,
      amount: moneyFromJson(data.amount),
      previousBalance: moneyFromJson(data.previousBalance),
      newBalance: moneyFromJson(data.newBalance),
      reference: String(data.reference),
      counterpart: String(data.counterpart),
    }),
  };
}

/** Version 1 had no other side. Charges and refunds were told by their references, which nothing else used to write so. */
function withCounterpart(data: JsonObject): JsonObject {
  const purpose = String(data.reference).startsWith('order:') ? 'order' : 'transfer';
  return { ...data, counterpart: counterpartOf(purpose, moneyFromJson(data.amount).currencyCode) };
}

function encodeAccount(account: Account | undefined): JsonObject {
  if (!account) return {};
  const { id, balance, version, createTimeMs, updateTimeMs } = account;
  return { id, balance: moneyToJson(balance), version: version.toString(), createTimeMs, updateTimeMs };
}

function decodeAccount(data: JsonObject): Account | undefined {
  const { id, balance, version, createTimeMs, updateTimeMs } = data;
  if (id === undefined) return undefined;
  return {
    id: String(id),
    balance: moneyFromJson(balance),
    version: BigInt(String(version)),
    createTimeMs: Number(createTimeMs),
    updateTimeMs: Number(updateTimeMs),
  };
}
