import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Money } from '#gen/common/v1/common.ts';
import type { Account, AccountEvent } from '#gen/payment/v1/payment.ts';
import { formatMoney } from './support/format-money.ts';
import type { Mesh } from './support/mesh.ts';
import { runExample } from './support/run-example.ts';

/** Moves money on a new account, then reads its current balance, a past balance and a statement, all derived from events. */
await runExample(async (mesh) => {
  const { opened, deposited, withdrawn } = await moveMoney(mesh);
  const accountId = withdrawn.id;
  console.log(`account ${accountId}`);

  const events = await Array.fromAsync(mesh.accounts.listAccountEvents({ accountId }));
  for (const { version, type, amount, newBalance } of events) {
    console.log(`  event ${version}: ${type} ${textOf(amount)}, balance ${textOf(newBalance)}`);
  }

  const folded = currentBalance(events);
  // min_version makes sure that the response includes the last write.
  const { balance } = await mesh.accounts.getBalance({ accountId, minVersion: withdrawn.version });
  console.log(`sum of its events ${folded}, GetBalance returns ${balance?.minorUnits}`);

  const first = await mesh.accounts.getBalance({ accountId, asOfVersion: opened.version });
  console.log(`balance at version ${opened.version}: ${textOf(first.balance)}`);
  const asOfTime = deposited.updateTime;
  const then = await mesh.accounts.getBalance({ accountId, asOfTime });
  console.log(`balance at ${asOfTime?.toISOString()}: ${textOf(then.balance)}`);

  await printStatement(mesh, withdrawn);
  return folded === balance?.minorUnits;
});

/** Current state is derived by replaying events. A client can do it as well as the service. */
function currentBalance(events: readonly AccountEvent[]): bigint {
  return events.reduce((balance, { type, amount }) => {
    if (type === 'MONEY_DEPOSITED') return balance + (amount?.minorUnits ?? 0n);
    if (type === 'MONEY_WITHDRAWN') return balance - (amount?.minorUnits ?? 0n);
    return balance;
  }, 0n);
}

/** Opens an account, deposits and withdraws. Returns the account after each call. */
async function moveMoney({ accounts }: Mesh) {
  const accountId = `saver-${randomUUID()}`;
  // A call with a request_id takes effect once, no matter how often it is sent.
  const ids = { open: randomUUID(), deposit: randomUUID(), withdraw: randomUUID() };
  const opened = await accounts.openAccount({ requestId: ids.open, accountId, currencyCode: 'EUR' });
  const salary = { amount: euros(15_000n), reference: 'salary' };
  const deposited = await accounts.deposit({ requestId: ids.deposit, accountId, ...salary });
  // Times have milliseconds: the withdrawal must have a later time than the deposit.
  await delay(5);
  const rent = { amount: euros(4_000n), reference: 'rent' };
  const withdrawn = await accounts.withdraw({ requestId: ids.withdraw, accountId, ...rent });
  return { opened, deposited, withdrawn };
}

/** Prints the month of the last event. min_version waits until the projection includes that event. */
async function printStatement({ ledger }: Mesh, { id, version, updateTime }: Account): Promise<void> {
  const month = updateTime?.toISOString().slice(0, 7) ?? '';
  const statement = await ledger.getStatement({ accountId: id, month, minVersion: version });
  console.log(`statement of ${statement.month}`);
  console.log(`  opening balance  ${textOf(statement.openingBalance)}`);
  console.log(`  deposited        ${textOf(statement.deposited)}`);
  console.log(`  withdrawn        ${textOf(statement.withdrawn)}`);
  console.log(`  closing balance  ${textOf(statement.closingBalance)}, ${statement.eventCount} events`);
}

function euros(minorUnits: bigint): Money {
  return { currencyCode: 'EUR', minorUnits };
}

function textOf(money: Money | undefined): string {
  return money ? formatMoney(money) : 'nothing';
}
