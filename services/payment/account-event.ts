import type { Money, RecordedEvent } from '#mesh';
import type { AccountChange } from './domain/account.ts';
import { accountIdOf } from './streams/account-stream.ts';

/** Something that happened to an account, as callers and consumers are told of it. */
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
}

/** What is told of an event in an account's stream. */
export function accountEventOf(event: RecordedEvent, change: AccountChange): AccountEvent {
  const { version, correlationId, timeMs } = event;
  const common = { accountId: accountIdOf(event), version, type: change.type, correlationId, timeMs };
  if (change.type === 'ACCOUNT_OPENED') {
    const nothing = { currencyCode: change.currencyCode, minorUnits: 0n };
    return { ...common, amount: nothing, previousBalance: nothing, newBalance: nothing, reference: '' };
  }
  const { amount, previousBalance, newBalance, reference } = change;
  return { ...common, amount, previousBalance, newBalance, reference };
}
