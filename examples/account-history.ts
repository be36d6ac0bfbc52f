import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Money } from '#gen/common/v1/common.ts';
import type { Account, AccountEvent } from '#gen/payment/v1/payment.ts';
import { amountText } from './support/amount-text.ts';
import type { Mesh } from './support/mesh.ts';
import { runExample } from './support/run-example.ts';

/** Moves money on an account of its own, and asks for its present, its past and its statement: all read off its events. */
await runExample(async (mesh) => {
  const { opened, deposited, withdrawn } = await moveMoney(mesh);
  const accountId = withdrawn.id;
  console.log(`account ${accountId}`);

  const events = await Array.fromAsync(mesh.accounts.listAccountEvents({ accountId }));
  for (const { version, type, amount, newBalance } of events) {
    console.log(`  event ${version}: ${type} ${textOf(amount)}, then it has ${textOf(newBalance)}`);
  }

  const folded = currentBalance(events);
  // The answer is at least as new as what was written just now.
  const { balance } = await mesh.accounts.getBalance({ accountId, minVersion: withdrawn.version });
  console.log(`its events add up to ${folded}, GetBalance says ${balance?.minorUnits}`);

  const first = await mesh.accounts.getBalance({ accountId, asOfVersion: opened.version });
  console.log(`at version ${opened.version} it had ${textOf(first.balance)}`);
  const asOfTime = deposited.updateTime;
  const then = await mesh.accounts.getBalance({ accountId, asOfTime });
  console.log(`at ${asOfTime?.toISOString()} it had ${textOf(then.balance)}`);

  await printStatement(mesh, withdrawn);
  return folded === balance?.minorUnits;
});

/** Current state is derived by replaying events, by a client as by the service. */
function currentBalance(events: readonly AccountEvent[]): bigint {
  return events.reduce((balance, { type, amount }) => {
    if (type === 'MONEY_DEPOSITED') return balance + (amount?.minorUnits ?? 0n);
    if (type === 'MONEY_WITHDRAWN') return balance - (amount?.minorUnits ?? 0n);
    return balance;
  }, 0n);
}

/** Opens an account, puts money on it and takes some from it; resolves with the account after each. */
async function moveMoney({ accounts }: Mesh) {
  const accountId = `saver-${randomUUID()}`;
  // With a request_id a call has its effect once, however often it is made.
  const ids = { open: randomUUID(), deposit: randomUUID(), withdraw: randomUUID() };
  const opened = await accounts.openAccount({ requestId: ids.open, accountId, currencyCode: 'EUR' });
  const salary = { amount: euros(15_000n), reference: 'salary' };
  const deposited = await accounts.deposit({ requestId: ids.deposit, accountId, ...salary });
  // Times are in milliseconds: what is asked for as of the deposit's shall be before the withdrawal's.
  await delay(5);
  const rent = { amount: euros(4_000n), reference: 'rent' };
  const withdrawn = await accounts.withdraw({ requestId: ids.withdraw, accountId, ...rent });
  return { opened, deposited, withdrawn };
}

/** The month of an account's last event, from a projection that may be a moment behind: it waits until that is in it. */
async function printStatement({ ledger }: Mesh, { id, version, updateTime }: Account): Promise<void> {
  const month = updateTime?.toISOString().slice(0, 7) ?? '';
  const statement = await ledger.getStatement({ accountId: id, month, minVersion: version });
  console.log(`statement of ${statement.month}`);
  console.log(`  opened with ${textOf(statement.openingBalance)}`);
  console.log(`  deposited   ${textOf(statement.deposited)}`);
  console.log(`  withdrawn   ${textOf(statement.withdrawn)}`);
  console.log(`  closed with ${textOf(statement.closingBalance)}, after ${statement.eventCount} events`);
}

function euros(minorUnits: bigint): Money {
  return { currencyCode: 'EUR', minorUnits };
}

function textOf(money: Money | undefined): string {
  return money ? amountText(money) : 'nothing';
}
