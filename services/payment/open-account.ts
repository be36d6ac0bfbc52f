import type { Outbox } from '../../mesh/events/outbox.ts';
import type { Transaction } from '../../mesh/storage/storage.ts';
import { type Account, type Occasion, opened } from './account.ts';
import { insertAccount, insertAccountEvent } from './account-store.ts';
import { accountExists } from './errors.ts';
import { paymentEvent } from './events.ts';

/** An account that is wanted. */
export interface AccountDraft {
  readonly id: string;
  readonly currencyCode: string;
  readonly occasion: Occasion;
}

/** Opens an account with nothing on it. Refuses a taken id. */
export async function openAccount(
  tx: Transaction,
  { id, currencyCode, occasion }: AccountDraft,
  outbox: Outbox,
): Promise<Account> {
  const { timeMs } = occasion;
  const account: Account = {
    id,
    balance: { currencyCode, minorUnits: 0n },
    version: 1n,
    createTimeMs: timeMs,
    updateTimeMs: timeMs,
  };
  if (!(await insertAccount(tx, account))) throw accountExists(id);
  const event = opened(account, occasion);
  await insertAccountEvent(tx, event);
  await outbox.addEvent(tx, paymentEvent(event));
  return account;
}
