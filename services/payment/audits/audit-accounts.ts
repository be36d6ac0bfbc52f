import {
  type AuditCheck,
  type AuditProgress,
  auditStream,
  type EventStore,
  type Finding,
  type RecordedEvent,
  type Storage,
  streamsAfter,
  yieldEvery,
} from '#mesh';
import { type Account, type AccountChange, isOutside } from '../domain/account.ts';
import { postingsOf } from '../domain/postings.ts';
import { balanceBelowZero, balanceChainBroken, entryUnbalanced } from '../errors.ts';
import type { Accounts } from '../streams/account-stream.ts';

export interface AccountAuditDeps {
  readonly storage: Storage;
  readonly store: EventStore;
  readonly accounts: Accounts;
}

/**
 * Checks the history of every account: no event is missing or corrupt, each balance follows from the one before, no balance
 * is negative, each movement has a counterpart, and snapshots match the events.
 */
export function auditAccounts({ storage, store, accounts }: AccountAuditDeps): AuditCheck {
  const { definition } = accounts;
  return {
    name: 'payment/account-events',
    async *run(progress: AuditProgress, signal: AbortSignal) {
      const yieldToOthers = yieldEvery();
      for await (const stream of streamsAfter(storage, accounts.streamOf(''), signal)) {
        yield* auditStream({ storage, store, stream, definition, each: faultsOf, signal });
        progress.examined(1);
        await yieldToOthers();
      }
    },
  };
}

function faultsOf(event: RecordedEvent, change: AccountChange, before: Account | undefined, after: Account): Finding[] {
  if (change.type === 'ACCOUNT_OPENED') return [];
  const { stream, version } = event;
  const ids = [stream, version.toString()];
  const at = `event ${version} of ${stream}`;
  const faults: Finding[] = [];
  const [previous, next] = [before?.balance.minorUnits, after.balance.minorUnits];
  if (change.previousBalance.minorUnits !== previous || change.newBalance.minorUnits !== next) {
    const stated = `${change.previousBalance.minorUnits} before and ${change.newBalance.minorUnits} after`;
    const message = `${at} has the balances ${stated}, but the events before it result in ${previous} and ${next}`;
    faults.push({ reason: balanceChainBroken.reason, ids, message });
  }
  if (next < 0n) {
    faults.push({ reason: balanceBelowZero.reason, ids, message: `${at} leaves a balance of ${next}` });
  }
  const sum = postingsOf(stream, change).reduce((total, { minorUnits }) => total + minorUnits, 0n);
  if (sum !== 0n || !isOutside(change.counterpart)) {
    faults.push({ reason: entryUnbalanced.reason, ids, message: `${at} does not move money between two accounts` });
  }
  return faults;
}
