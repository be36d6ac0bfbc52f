import type { StreamEvent } from '../../../mesh/event-store/event-store.ts';
import type { Projection } from '../../../mesh/event-store/projections/projection.ts';
import { systemClock as clock } from '../../../mesh/time/clock.ts';
import { accountBalances } from '../../../services/payment/projections/account-balances.ts';
import { monthlyStatements } from '../../../services/payment/projections/monthly-statements.ts';
import { paymentList } from '../../../services/payment/projections/payment-list.ts';
import { accountEventTypes } from '../../../services/payment/streams/account-stream.ts';
import { runAtRate } from '../concurrency.ts';
import { medianOfRounds } from '../rates.ts';
import { type Ledger, openLedger } from './ledger.ts';

const streams = 64;
const eventsPerSecond = 500;
const warmUpEvents = 500;
const rounds = 3;
const eventsPerRound = 500;
const maxWaitMs = 30_000;
const events = warmUpEvents + rounds * eventsPerRound;

const amount = { currencyCode: 'EUR', minorUnits: 100n };
const deposit = accountEventTypes.encode({
  type: 'MONEY_DEPOSITED',
  ...{ amount, previousBalance: amount, newBalance: amount, reference: '', counterpart: '@world.EUR' },
});

/**
 * Measures the time from the commit of an append to the commit of its effect on the balances projection, in milliseconds, at a
 * constant event rate while all projections of the payment service run. Both times come from hooks on the transactions.
 * Returns medians over several rounds.
 */
export async function measureLag(url: string): Promise<{ readonly p50: number; readonly p99: number }> {
  await using ledger = await openLedger(url);
  const committedMs = new Map<bigint, number>();
  const lagsMs = new Map<bigint, number>();
  const all = Promise.withResolvers<void>();
  const watched = onApplied(accountBalances, (position) => {
    lagsMs.set(position, performance.now() - (committedMs.get(position) ?? Number.NaN));
    if (lagsMs.size === events) all.resolve();
  });
  const projector = await ledger.projector([watched, monthlyStatements, paymentList]);
  await projector.start();
  await runAtRate(events, eventsPerSecond, async (index) => {
    await appendTo(ledger, `account-${index % streams}`, index, (position) => {
      committedMs.set(position, performance.now());
    });
  });
  await withTimeLimit(all.promise);
  const inOrder = [...lagsMs].toSorted(([a], [b]) => Number(a - b)).map(([, lagMs]) => lagMs);
  const ofAll = (share: number) => medianOfRounds(inOrder.slice(warmUpEvents), rounds, share);
  return { p50: ofAll(0.5), p99: ofAll(0.99) };
}

/** The timer also keeps the process alive: nothing else here does. */
async function withTimeLimit(all: Promise<void>): Promise<void> {
  const late = `some events were not applied within ${maxWaitMs / 1_000} s`;
  const timer = setTimeout(() => reject(new Error(late)), maxWaitMs);
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  await Promise.race([all, tooLate]).finally(() => clearTimeout(timer));
}

function onApplied(projection: Projection, applied: (position: bigint) => void): Projection {
  return {
    ...projection,
    async apply(tx, generation, batch) {
      await projection.apply(tx, generation, batch);
      tx.afterCommit(() => {
        for (const { position } of batch) applied(position);
      });
    },
  };
}

async function appendTo(
  { storage, store }: Ledger,
  stream: string,
  index: number,
  committed: (position: bigint) => void,
): Promise<void> {
  const event: StreamEvent = { ...deposit, correlationId: String(index), timeMs: clock.now() };
  await storage.transaction(
    async (tx) => {
      const [recorded] = await store.appendIn(tx, stream, 'any', event);
      tx.afterCommit(() => committed(recorded?.position ?? 0n));
    },
    { commitGroup: stream },
  );
}
