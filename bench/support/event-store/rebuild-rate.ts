import { setTimeout as delay } from 'node:timers/promises';
import type { ProjectionAdmin } from '../../../mesh/event-store/projections/projection.ts';
import { accountBalances } from '../../../services/payment/projections/account-balances.ts';
import { monthlyStatements } from '../../../services/payment/projections/monthly-statements.ts';
import { paymentList } from '../../../services/payment/projections/payment-list.ts';
import { compareByClock } from '../rates.ts';
import { openBare } from './bare-database.ts';
import { foldBare } from './bare-fold.ts';
import { ledgerEvents } from './fill-ledger.ts';
import { openLedger } from './ledger.ts';

const rounds = 3;
const pollMs = 20;

/**
 * Compares a rebuild of the balances (apply all events, compare, switch, delete the old rows) with a bare loop over the same
 * events. Returns events per second. The ledger's projections are up to date afterwards.
 */
export async function compareRebuild(ledgerUrl: string, bareUrl: string) {
  await using ledger = await openLedger(ledgerUrl);
  const projector = await ledger.projector([accountBalances, monthlyStatements, paymentList]);
  await projector.start();
  while (!(await isUpToDate(projector.admin))) await delay(pollMs);
  const bare = openBare(bareUrl);
  let bareGeneration = 0n;
  try {
    return await compareByClock(
      ledgerEvents,
      rounds,
      () => rebuild(projector.admin),
      () => foldBare(bare, --bareGeneration),
    );
  } finally {
    await bare.close();
  }
}

async function isUpToDate({ list }: ProjectionAdmin): Promise<boolean> {
  return (await list()).every(({ position, headPosition }) => position === headPosition);
}

async function rebuild(admin: ProjectionAdmin): Promise<void> {
  const steps = await Array.fromAsync(
    admin.rebuild(accountBalances.name, { dryRun: false }, new AbortController().signal),
  );
  const { stage, eventsDone, rowsDifferent } = steps.at(-1) ?? {};
  if (stage !== 'switched' || eventsDone !== ledgerEvents || rowsDifferent !== 0) {
    throw new Error(`the rebuild ended with ${stage} after ${eventsDone} events, ${rowsDifferent} rows differ`);
  }
}
