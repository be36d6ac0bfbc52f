import {
  type AggregateDefinition,
  type Aggregates,
  defineEventTypes,
  type EventType,
  type JsonObject,
  type Money,
  moneyFromJson,
  moneyToJson,
  type RecordedEvent,
} from '#mesh';
import { type Account, type AccountChange, counterpartOf, evolveAccount, type Movement } from '../domain/account.ts';

const category = 'account';

/** The stored events of accounts. */
export const accountEventTypes = defineEventTypes<AccountChange>({
  ACCOUNT_OPENED: {
    encode: ({ currencyCode }) => ({ currency: currencyCode }),
    decode: ({ currency }) => ({ type: 'ACCOUNT_OPENED', currencyCode: String(currency) }),
  },
  MONEY_DEPOSITED: movement('MONEY_DEPOSITED'),
  MONEY_WITHDRAWN: movement('MONEY_WITHDRAWN'),
});

/** The accounts of the service. */
export type Accounts = Aggregates<Account, AccountChange>;

export const accountDefinition = {
  category,
  events: accountEventTypes,
  evolve: (account, change, event, id) => evolveAccount(account, id, change, event),
  // A load reads nine events at most: ten rows cost more time than a snapshot, which is one in ten.
  snapshots: { every: 10, schemaVersion: 1, encode: encodeAccount, decode: decodeAccount },
} satisfies AggregateDefinition<Account, AccountChange>;

/** An event of an account, for callers and consumers. */
export interface AccountEvent {
  readonly accountId: string;
  readonly version: bigint;
  readonly type: AccountChange['type'];
  readonly amount: Money;
  readonly previousBalance: Money;
  readonly newBalance: Money;
  readonly reference: string;
  readonly correlationId: string;
  readonly timeMs: number;
  /** Empty if it is not known. */
  readonly actor: string;
}

/** Returns what callers and consumers get of an event in an account's stream. */
export function accountEventOf(event: RecordedEvent, change: AccountChange): AccountEvent {
  const { version, correlationId, timeMs, actor = '' } = event;
  const common = { accountId: accountIdOf(event), version, type: change.type, correlationId, timeMs, actor };
  if (change.type === 'ACCOUNT_OPENED') {
    const nothing = { currencyCode: change.currencyCode, minorUnits: 0n };
    return { ...common, amount: nothing, previousBalance: nothing, newBalance: nothing, reference: '' };
  }
  const { amount, previousBalance, newBalance, reference } = change;
  return { ...common, amount, previousBalance, newBalance, reference };
}

/** Whether an event belongs to an account. */
export function isOfAccount({ stream }: RecordedEvent): boolean {
  return stream.startsWith(`${category}-`);
}

/** Returns the id of the account that an event belongs to. */
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

/** Version 1 had no counterpart. Only charges and refunds had references of this form. */
function withCounterpart(data: JsonObject): JsonObject {
  const purpose = String(data.reference).startsWith('order:') ? 'order' : 'transfer';
  return { ...data, counterpart: counterpartOf(purpose, moneyFromJson(data.amount).currencyCode) };
}

function encodeAccount({ id, balance, version, createTimeMs, updateTimeMs }: Account): JsonObject {
  return { id, balance: moneyToJson(balance), version: version.toString(), createTimeMs, updateTimeMs };
}

function decodeAccount({ id, balance, version, createTimeMs, updateTimeMs }: JsonObject): Account {
  return {
    id: String(id),
    balance: moneyFromJson(balance),
    version: BigInt(String(version)),
    createTimeMs: Number(createTimeMs),
    updateTimeMs: Number(updateTimeMs),
  };
}
