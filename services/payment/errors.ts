import { Status } from 'nice-grpc-common';
import { invalidRequest, MeshError } from '#mesh';
import type { Money } from './domain/money.ts';

/** What an error says of an account. */
interface KnownAccount {
  readonly id: string;
  readonly balance: Money;
  readonly version: bigint;
}

/** NOT_FOUND `ACCOUNT_NOT_FOUND`. */
export function accountNotFound(id: string): MeshError {
  return new MeshError(Status.NOT_FOUND, 'ACCOUNT_NOT_FOUND', `there is no account ${id}: open it first`, {
    metadata: { account_id: id },
  });
}

/** NOT_FOUND `ACCOUNT_NOT_FOUND`: it was opened later. */
export function accountNotOpenThen(id: string, time: Date): MeshError {
  return new MeshError(
    Status.NOT_FOUND,
    'ACCOUNT_NOT_FOUND',
    `account ${id} was not open at ${time.toISOString()}: ask for a later time`,
    {
      metadata: { account_id: id },
    },
  );
}

/** ALREADY_EXISTS `ACCOUNT_EXISTS`. */
export function accountExists(id: string): MeshError {
  return new MeshError(
    Status.ALREADY_EXISTS,
    'ACCOUNT_EXISTS',
    `there is an account ${id} already: use it, or choose another id`,
    {
      metadata: { account_id: id },
    },
  );
}

/** FAILED_PRECONDITION `CURRENCY_MISMATCH`: its metadata has the account's currency. */
export function currencyMismatch(account: KnownAccount, amount: Money): MeshError {
  const { currencyCode } = account.balance;
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'CURRENCY_MISMATCH',
    `account ${account.id} holds ${currencyCode}, not ${amount.currencyCode}: use ${currencyCode}`,
    { metadata: { account_id: account.id, currency_code: currencyCode } },
  );
}

/** FAILED_PRECONDITION `INSUFFICIENT_FUNDS`: its metadata has `balance` and `needed`. */
export function insufficientFunds(account: KnownAccount, amount: Money): MeshError {
  const { currencyCode, minorUnits } = account.balance;
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'INSUFFICIENT_FUNDS',
    `account ${account.id} holds ${minorUnits} ${currencyCode} minor units, but ${amount.minorUnits} are needed: deposit more first`,
    { metadata: { account_id: account.id, balance: minorUnits.toString(), needed: amount.minorUnits.toString() } },
  );
}

/** FAILED_PRECONDITION `BALANCE_TOO_LARGE`. */
export function balanceTooLarge(account: KnownAccount): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'BALANCE_TOO_LARGE',
    `account ${account.id} cannot hold that much more: its balance must fit into 64 bits; withdraw first`,
    {
      metadata: { account_id: account.id },
    },
  );
}

/** ABORTED `VERSION_NOT_REACHED`: its metadata has the version reached. */
export function versionNotReached(account: KnownAccount, minVersion: bigint): MeshError {
  return new MeshError(
    Status.ABORTED,
    'VERSION_NOT_REACHED',
    `account ${account.id} is at version ${account.version} and has no version ${minVersion} yet: ask for one that it has, or call again once it was written`,
    { metadata: { account_id: account.id, version: account.version.toString() } },
  );
}

/** ABORTED `VERSION_NOT_REACHED`: the account is there, its statements are not. */
export function statementsBehind(account: KnownAccount, minVersion: bigint): MeshError {
  return new MeshError(
    Status.ABORTED,
    'VERSION_NOT_REACHED',
    `the statements of account ${account.id} have not got to version ${minVersion} yet: call again; where that stays so, look at the dead letters of payment/monthly-statements`,
    { metadata: { account_id: account.id, version: account.version.toString() } },
  );
}

/** OUT_OF_RANGE `VERSION_OUT_OF_RANGE`: its metadata has the last version. */
export function versionOutOfRange(account: KnownAccount, version: bigint): MeshError {
  return new MeshError(
    Status.OUT_OF_RANGE,
    'VERSION_OUT_OF_RANGE',
    `account ${account.id} has no version ${version}: its last is ${account.version}; ask for that or an earlier one`,
    { metadata: { account_id: account.id, version: account.version.toString() } },
  );
}

/** NOT_FOUND `PAYMENT_NOT_FOUND`. */
export function paymentNotFound(orderId: string): MeshError {
  return new MeshError(
    Status.NOT_FOUND,
    'PAYMENT_NOT_FOUND',
    `order ${orderId} was neither charged nor refunded: check its id`,
    {
      metadata: { order_id: orderId },
    },
  );
}

/** FAILED_PRECONDITION `PAYMENT_REFUNDED`. */
export function paymentRefunded(orderId: string): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'PAYMENT_REFUNDED',
    `order ${orderId} was refunded, which forbids charging it: place another order`,
    {
      metadata: { order_id: orderId },
    },
  );
}

/** ALREADY_EXISTS `PAYMENT_EXISTS`. */
export function paymentExists(orderId: string): MeshError {
  return new MeshError(
    Status.ALREADY_EXISTS,
    'PAYMENT_EXISTS',
    `order ${orderId} was charged otherwise before (another user or amount): repeat that charge, or place another order`,
    {
      metadata: { order_id: orderId },
    },
  );
}

/** INVALID_ARGUMENT: the amount of a movement. */
export function amountNotPositive(): MeshError {
  return invalidRequest([{ field: 'amount.minor_units', description: 'must be greater than 0' }]);
}

/** INVALID_ARGUMENT: the amount of a charge. */
export function amountNegative(): MeshError {
  return invalidRequest([{ field: 'amount.minor_units', description: 'must not be less than 0' }]);
}

/** INVALID_ARGUMENT: a version and a time were asked for. */
export function twoPasts(): MeshError {
  return invalidRequest([
    { field: 'as_of_time', description: 'must not be set beside as_of_version: ask for one of the two' },
  ]);
}

/** NOT_FOUND `ACCOUNT_NOT_FOUND`: it was opened in a later month, or its opening is not in the statements yet. */
export function accountNotOpenIn(id: string, month: string): MeshError {
  return new MeshError(
    Status.NOT_FOUND,
    'ACCOUNT_NOT_FOUND',
    `account ${id} was not open in ${month}: ask for a later month, or give min_version where it was opened just now`,
    { metadata: { account_id: id } },
  );
}

/** OUT_OF_RANGE `SUM_TOO_LARGE`: a sum that does not fit into the contract's 64 bits. */
export function sumTooLarge(of: string): MeshError {
  return new MeshError(
    Status.OUT_OF_RANGE,
    'SUM_TOO_LARGE',
    `the sum of ${of} is beyond 64 bits and cannot be told: add up the accounts' events, and list what comes after it from there on`,
    { metadata: { of } },
  );
}

/** FAILED_PRECONDITION `HISTORY_CONFLICT`: what an earlier version kept is there beside what this version made. */
export function historyConflict(id: string): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'HISTORY_CONFLICT',
    `${id} is there twice: as events, and in the tables of an earlier version, which was run again in between; restore the database from before that, or delete the rows of ${id} from accounts, account_events or payments`,
    { metadata: { id } },
  );
}
