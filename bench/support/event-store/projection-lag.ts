import type { StreamEvent } from '../../../mesh/event-store/event-store.ts';
import type { Projection } from '../../../mesh/event-store/projections/projection.ts';
import { systemClock as clock } from '../../../mesh/time/clock.ts';
import { accountBalances } from '../../../services/payment/projections/account-balances.ts';
import { monthlyStatements } from '../../../services/payment/projections/monthly-statements.ts';
import { paymentList } from '../../../services/payment/projections/payment-list.ts';
import { accountEventTypes } from '../../../services/payment/streams/account-stream.ts';
import { atPace } from '../at-pace.ts';
import { medianOfRounds } from '../rates.ts';
import { type Ledger, openLedger } from './ledger.ts';

const streams = 64;
const eventsPerSecond = 500;
const warmUpEvents = 500;
const rounds = 3;
const eventsPerRound = 500;
const longestWaitMs = 30_000;
const events = warmUpEvents + rounds * eventsPerRound;

const amount = { currencyCode: 'EUR', minorUnits: 100n };
const deposit = accountEventTypes.encode({
  type: 'MONEY_DEPOSITED',
  ...{ amount, previousBalance: amount, newBalance: amount, reference: '', counterpart: '@world.EUR' },
});

/**
 * How long it takes, in milliseconds, from the commit of an append to the commit with which the projection of balances has
 * its effect and its position, of events that come at a steady pace while all projections of the payment service run. Both
 * moments are those at which this process hears of the commit, from hooks on the two transactions. Medians of rounds that
 * follow one another.
 */
export async function measureLag(url: string): Promise<{ readonly p50: number; readonly p99: number }> {
  await using ledger = await openLedger(url);
  const committedMs = new Map<bigint, number>();
  const lagsMs = new Map<bigint, number>();
  const all = Promise.withResolvers<void>();
  const watched = whenTaken(accountBalances, (position) => {
    lagsMs.set(position, performance.now() - (committedMs.get(position) ?? Number.NaN));
    if (lagsMs.size === events) all.resolve();
  });
  const projector = await ledger.projector([watched, monthlyStatements, paymentList]);
  await projector.start();
  await atPace(events, eventsPerSecond, async (index) => {
    await appendTo(ledger, `account-${index % streams}`, index, (position) => {
      committedMs.set(position, performance.now());
    });
  });
  await withinReason(all.promise);
  const inOrder = [...lagsMs].toSorted(([a], [b]) => Number(a - b)).map(([, lagMs]) => lagMs);
  const ofAll = (share: number) => medianOfRounds(inOrder.slice(warmUpEvents), rounds, share);
  return { p50: ofAll(0.5), p99: ofAll(0.99) };
}

/** It also keeps the process going: nothing else here does. */
async function withinReason(all: Promise<void>): Promise<void> {
  const late = `not every event was taken within ${longestWaitMs / 1_000} s`;
  const timer = setTimeout(() => reject(new Error(late)), longestWaitMs);
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  await Promise.race([all, tooLate]).finally(() => clearTimeout(timer));
}

function whenTaken(projection: Projection, taken: (position: bigint) => void): Projection {
  return {
    ...projection,
    async apply(tx, generation, batch) {
      await projection.apply(tx, generation, batch);
      tx.afterCommit(() => {
        for (const { position } of batch) taken(position);
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
