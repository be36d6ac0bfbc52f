import type { Transaction } from '#mesh';
import { accountEventOf } from './account-event.ts';
import { type Account, type AccountChange, moveMoney, openAccount, type WantedMovement } from './domain/account.ts';
import type { Payment } from './domain/payment.ts';
import { accountNotFound } from './errors.ts';
import { paymentEvent } from './events.ts';
import type { Cause } from './make-change.ts';
import type { Books } from './streams/open-books.ts';

/** Opens an account with nothing on it. Refuses a taken id. */
export function openAccountIn(
  tx: Transaction,
  books: Books,
  id: string,
  currencyCode: string,
  cause: Cause,
): Promise<Account> {
  return changeAccount(tx, books, id, cause, (account) => openAccount(account, id, currencyCode));
}

/** Moves money on or off an account, and tells of it with the payment that moved it, where one did. */
export function moveMoneyIn(
  tx: Transaction,
  books: Books,
  wanted: WantedMovement,
  cause: Cause,
  payment?: Payment,
): Promise<Account> {
  return changeAccount(tx, books, wanted.accountId, cause, (account) => moveMoney(account, wanted), payment);
}

/** Decides on an account as it is, keeps what happened for ever and publishes it. */
async function changeAccount(
  tx: Transaction,
  { accounts, outbox }: Books,
  id: string,
  { correlationId, timeMs }: Cause,
  decide: (account: Account | undefined) => AccountChange,
  payment?: Payment,
): Promise<Account> {
  const loaded = await accounts.load(tx, id);
  const change = decide(loaded.state);
  // An account's times never go back, also where a clock does: its past is looked up by them.
  const metadata = { correlationId, timeMs: Math.max(timeMs, loaded.state?.updateTimeMs ?? 0) };
  const { state, recorded } = await accounts.append(tx, id, loaded, [change], metadata);
  if (!state) throw accountNotFound({ accountId: id });
  for (const event of recorded) await outbox.addEvent(tx, paymentEvent(accountEventOf(event, change), payment));
  return state;
}
