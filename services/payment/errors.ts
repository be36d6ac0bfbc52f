import { defineError, defineReason, invalidRequest, type MeshError, type Money, Status } from '#mesh';

/** What an error shows of an account. */
interface KnownAccount {
  readonly id: string;
  readonly balance: Money;
  readonly version: bigint;
}

export const accountNotFound = defineError({
  reason: 'ACCOUNT_NOT_FOUND',
  code: Status.NOT_FOUND,
  means: 'no account has this id, or it was not open at the time asked for',
  fix: 'open it',
  text: ({ accountId }: { readonly accountId: string }) => `account "${accountId}" not found: open it first`,
});

export const accountNotOpenAt = accountNotFound.variant({
  text: ({ accountId, time }: { readonly accountId: string; readonly time: Date }) =>
    `account "${accountId}" was not open at ${time.toISOString()}: ask for a later time`,
  metadata: ({ accountId }) => ({ account_id: accountId }),
});

/** The account was opened in a later month, or its opening has not reached the statements yet. */
export const accountNotOpenIn = accountNotFound.variant({
  text: ({ accountId, month }: { readonly accountId: string; readonly month: string }) =>
    `account "${accountId}" was not open in ${month}: ask for a later month, or set min_version if it was opened just now`,
  metadata: ({ accountId }) => ({ account_id: accountId }),
});

export const accountExists = defineError({
  reason: 'ACCOUNT_EXISTS',
  code: Status.ALREADY_EXISTS,
  means: 'the account is already open',
  fix: 'use it',
  text: ({ accountId }: { readonly accountId: string }) =>
    `account "${accountId}" already exists: use it or choose another id`,
});

export const currencyMismatch = defineError({
  reason: 'CURRENCY_MISMATCH',
  code: Status.FAILED_PRECONDITION,
  means: 'the account holds another currency; the metadata has it',
  fix: "use the account's currency",
  text: ({ account: { id, balance }, amount }: { readonly account: KnownAccount; readonly amount: Money }) =>
    `account "${id}" holds ${balance.currencyCode}, not ${amount.currencyCode}: use ${balance.currencyCode}`,
  metadata: ({ account }) => ({ account_id: account.id, currency_code: account.balance.currencyCode }),
});

export const insufficientFunds = defineError({
  reason: 'INSUFFICIENT_FUNDS',
  code: Status.FAILED_PRECONDITION,
  means: 'the account holds less than needed; the metadata has `balance` and `needed`',
  fix: 'deposit more',
  text: ({ account: { id, balance }, amount }: { readonly account: KnownAccount; readonly amount: Money }) =>
    `account "${id}" holds ${balance.minorUnits} ${balance.currencyCode} minor units, but ${amount.minorUnits} are needed: deposit more first`,
  metadata: ({ account, amount }) => ({
    account_id: account.id,
    balance: account.balance.minorUnits,
    needed: amount.minorUnits,
  }),
});

export const balanceTooLarge = defineError({
  reason: 'BALANCE_TOO_LARGE',
  code: Status.FAILED_PRECONDITION,
  means: 'the balance would not fit into 64 bits',
  fix: 'move less',
  text: ({ accountId }: { readonly accountId: string }) =>
    `account "${accountId}" cannot hold that much more, because its balance must fit into 64 bits: withdraw first`,
});

export const versionNotReached = defineError({
  reason: 'VERSION_NOT_REACHED',
  code: Status.ABORTED,
  means: 'the account, or its statements, have not reached `min_version` yet; the metadata has the version reached',
  fix: 'call again',
  text: ({ account: { id, version }, minVersion }: { readonly account: KnownAccount; readonly minVersion: bigint }) =>
    `account "${id}" is at version ${version} and has not reached version ${minVersion}: ask for one that it has, or call again after it is written`,
  metadata: ({ account }) => ({ account_id: account.id, version: account.version }),
});

/** The account has the version, its statements do not. */
export const statementsBehind = versionNotReached.variant({
  text: ({ account: { id }, minVersion }: { readonly account: KnownAccount; readonly minVersion: bigint }) =>
    `statements of account "${id}" have not reached version ${minVersion}: call again; if that does not help, check the dead letters of payment/monthly-statements`,
  metadata: ({ account }) => ({ account_id: account.id, version: account.version }),
});

export const versionOutOfRange = defineError({
  reason: 'VERSION_OUT_OF_RANGE',
  code: Status.OUT_OF_RANGE,
  means: 'the account does not have this version yet; the metadata has its last version',
  fix: 'ask for a version that it has',
  text: ({ account, version }: { readonly account: KnownAccount; readonly version: bigint }) =>
    `account "${account.id}" has no version ${version}: its last is ${account.version}; ask for that or an earlier one`,
  metadata: ({ account }) => ({ account_id: account.id, version: account.version }),
});

export const paymentNotFound = defineError({
  reason: 'PAYMENT_NOT_FOUND',
  code: Status.NOT_FOUND,
  means: 'the order was never charged',
  fix: 'check the id',
  text: ({ orderId }: { readonly orderId: string }) =>
    `order "${orderId}" was neither charged nor refunded: check its id`,
});

export const paymentRefunded = defineError({
  reason: 'PAYMENT_REFUNDED',
  code: Status.FAILED_PRECONDITION,
  means: 'the order was refunded and can no longer be charged',
  fix: 'place another order',
  text: ({ orderId }: { readonly orderId: string }) =>
    `order "${orderId}" was refunded and can no longer be charged: place another order`,
});

export const paymentExists = defineError({
  reason: 'PAYMENT_EXISTS',
  code: Status.ALREADY_EXISTS,
  means: 'the order was already charged with a different user, amount or owner',
  fix: 'repeat the same charge or place another order',
  text: ({ orderId }: { readonly orderId: string }) =>
    `order "${orderId}" was already charged with a different user, amount or owner: repeat that charge or place another order`,
});

/** `of` names the sum: an account, or an account and a month. */
export const sumTooLarge = defineError({
  reason: 'SUM_TOO_LARGE',
  code: Status.OUT_OF_RANGE,
  means: 'a sum of the ledger does not fit into 64 bits',
  fix: "add up the account's events, and resume the list after it",
  text: ({ of }: { readonly of: string }) =>
    `sum of ${of} does not fit into 64 bits: add up the account's events, and resume the list after it`,
});

export const historyConflict = defineError({
  reason: 'HISTORY_CONFLICT',
  code: Status.FAILED_PRECONDITION,
  means: "an account or payment exists both as events and in an earlier version's tables",
  fix: 'restore the database or delete the rows of the earlier version',
  seenIn: 'start',
  text: ({ id }: { readonly id: string }) =>
    `"${id}" exists twice, as events and in the tables of an earlier version that was run in between: restore a backup from before that, or delete the rows of "${id}" from accounts, account_events or payments`,
});

/** INVALID_ARGUMENT: the amount of a movement. */
export function amountNotPositive(): MeshError {
  return invalidRequest([{ field: 'amount.minor_units', description: 'must be greater than 0' }]);
}

/** INVALID_ARGUMENT: the amount of a charge. */
export function amountNegative(): MeshError {
  return invalidRequest([{ field: 'amount.minor_units', description: 'must not be less than 0' }]);
}

/** INVALID_ARGUMENT: the request asks for both a version and a time. */
export function conflictingAsOf(): MeshError {
  return invalidRequest([
    { field: 'as_of_time', description: 'must not be set together with as_of_version: set one of the two' },
  ]);
}

export const balanceChainBroken = defineReason({
  reason: 'BALANCE_CHAIN_BROKEN',
  means: 'an event of an account does not follow from those before it',
  fix: 'restore it from a backup',
  seenIn: 'audits',
});

export const balanceBelowZero = defineReason({
  reason: 'BALANCE_BELOW_ZERO',
  means: "a user's account is below zero",
  fix: 'compare it with its events',
  seenIn: 'audits',
});

export const entryUnbalanced = defineReason({
  reason: 'ENTRY_UNBALANCED',
  means: 'an event of an account does not move money between two accounts',
  fix: 'look at the event',
  seenIn: 'audits',
});

export const ledgerNotZero = defineReason({
  reason: 'LEDGER_NOT_ZERO',
  means: 'the balances of all accounts in a currency do not sum to zero',
  fix: 'check which rows of `account-balances` differ',
  seenIn: 'audits',
});

export const paymentDiffers = defineReason({
  reason: 'PAYMENT_DIFFERS',
  means: 'an account was charged for an order differently than its payment shows',
  fix: 'compare the events of both',
  seenIn: 'audits',
});
