import { type AuditCheck, appliedEvents, type Finding, type Storage, yieldEvery } from '#mesh';
import { isOutside } from '../domain/account.ts';
import { postingsOf } from '../domain/postings.ts';
import { balanceBelowZero, ledgerNotZero } from '../errors.ts';
import { accountBalances, accountsUpTo, pageOfLedger } from '../projections/account-balances.ts';
import { accountEventTypes, accountIdOf, isOfAccount } from '../streams/account-stream.ts';

const pageSize = 500;
const maxNegative = 100;
/** How often the ledger is summed before a difference is reported: a rebuild or a redrive moves rows out of order. */
const maxAttempts = 3;

/**
 * Checks that the balances of each currency, including those outside the users' accounts, sum to zero, and that no user's
 * balance is negative.
 */
export function auditLedger(storage: Storage): AuditCheck {
  return {
    name: 'payment/ledger',
    async *run(progress, signal) {
      let ledger = await sumLedger(storage, signal);
      for (let attempts = 1; attempts < maxAttempts && differs(ledger); attempts += 1) {
        ledger = await sumLedger(storage, signal);
      }
      for (const [currencyCode, { sum, accountIds, count }] of [...ledger.currencies].toSorted(byCode)) {
        progress.examined(count);
        if (sum !== 0n) yield notZero(currencyCode, sum, accountIds);
      }
      for (const accountId of ledger.negative) yield belowZero(accountId);
    },
  };
}

interface CurrencySum {
  sum: bigint;
  count: number;
  /** The accounts outside the users' accounts. */
  readonly accountIds: string[];
}

interface Ledger {
  readonly currencies: ReadonlyMap<string, CurrencySum>;
  /** The first users with a negative balance. */
  readonly negative: readonly string[];
}

/**
 * Sums the ledger page by page, so calls are answered in between. Each page is of a later position than the one before: the
 * events between the two are added to the accounts that were already read, so the sums are those of the last position.
 */
async function sumLedger(storage: Storage, signal: AbortSignal): Promise<Ledger> {
  const yieldToOthers = yieldEvery();
  const currencies = new Map<string, CurrencySum>();
  const negative: string[] = [];
  const sumOf = (currencyCode: string): CurrencySum => {
    const known = currencies.get(currencyCode) ?? { sum: 0n, count: 0, accountIds: [] };
    currencies.set(currencyCode, known);
    return known;
  };
  let afterId = '';
  let readTo = 0n;
  for (;;) {
    signal.throwIfAborted();
    const { items, position } = await pageOfLedger(storage, afterId, pageSize);
    if (items.length > 0 && afterId !== '') {
      for (const { currencyCode, minorUnits } of await postingsBetween(storage, readTo, position, afterId)) {
        sumOf(currencyCode).sum += minorUnits;
      }
    }
    for (const { accountId, balance } of items) {
      const sum = sumOf(balance.currencyCode);
      sum.sum += balance.minorUnits;
      sum.count += 1;
      if (isOutside(accountId)) sum.accountIds.push(accountId);
      else if (balance.minorUnits < 0n && negative.length < maxNegative) negative.push(accountId);
    }
    if (items.length < pageSize) return { currencies, negative };
    [afterId, readTo] = [items.at(-1)?.accountId ?? '', position];
    await yieldToOthers();
  }
}

/** Returns what the events between two positions added to the accounts up to an id. */
async function postingsBetween(storage: Storage, after: bigint, upTo: bigint, lastId: string) {
  const postings = [];
  for await (const event of appliedEvents(storage, accountBalances.name, after, upTo)) {
    if (isOfAccount(event)) postings.push(...postingsOf(accountIdOf(event), accountEventTypes.decode(event)));
  }
  if (postings.length === 0) return [];
  const read = await accountsUpTo(storage, [...new Set(postings.map(({ accountId }) => accountId))], lastId);
  return postings.filter(({ accountId }) => read.has(accountId));
}

function differs({ currencies }: Ledger): boolean {
  return currencies.values().some(({ sum }) => sum !== 0n);
}

function byCode([one]: readonly [string, CurrencySum], [other]: readonly [string, CurrencySum]): number {
  return one < other ? -1 : 1;
}

function notZero(currencyCode: string, sum: bigint, accountIds: readonly string[]): Finding {
  return {
    reason: ledgerNotZero.reason,
    ids: [currencyCode, ...accountIds],
    message: `the balances of all accounts in ${currencyCode} sum to ${sum} minor units, not to zero: the check payment/account-balances reports the rows that do not match the events`,
  };
}

function belowZero(accountId: string): Finding {
  return {
    reason: balanceBelowZero.reason,
    ids: [accountId],
    message: `account ${accountId} has a negative balance in the ledger: compare it with its events`,
  };
}
