import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { eventually } from '../../testing/eventually.ts';
import { tempFolder } from '../../testing/temp-folder.ts';
import { systemClock } from '../../time/clock.ts';
import { outOfReach, silent } from '../testing/events.ts';
import { countEntries, insertEntry, type OutboxEntry, outboxMigrations } from './outbox-table.ts';
import { createRelay } from './relay.ts';

/** An entry that was sent or refused, or that something failed. */
type Step = OutboxEntry | 'failure';

const refused = new MeshError(Status.INVALID_ARGUMENT, 'EVENT_REFUSED', 'refused by the test');
const changedMind = new Error('changed its mind');
const isRefused = ({ id }: OutboxEntry) => id % 397n === 0n;
// A hundred times as fast, so a relay that failed tries again soon.
const fast = {
  ...systemClock,
  elapsedMs: () => systemClock.elapsedMs() * 100,
  after: (delayMs: number, action: () => void) => systemClock.after(delayMs / 100, action),
};

/** Numbers from 0 to 1 that are the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Fails some transactions before they begin, and some after their commit. */
function unreliable(storage: Storage, fail: (share: number) => void): Storage {
  return {
    ...storage,
    async transaction(work, options) {
      fail(0.05);
      const result = await storage.transaction(work, options);
      fail(0.05);
      return result;
    },
  };
}

/** Returns what is wrong with the steps of a relay that delivered `committed`. */
function faultsOf(steps: readonly Step[], committed: readonly OutboxEntry[]): string[] {
  const faults: string[] = [];
  const inOrder = committed.toSorted((a, b) => Number(a.id - b.id));
  const entriesOf = Map.groupBy(inOrder, ({ key }) => key);
  const counts = new Map<string, number>();
  const failuresBefore = new Map<bigint, number>();
  let failures = 0;
  for (const step of steps) {
    if (step === 'failure') {
      failures += 1;
      continue;
    }
    const { id, key } = step;
    const count = counts.get(key) ?? 0;
    const index = entriesOf.get(key)?.findIndex((entry) => entry.id === id) ?? -1;
    if (index < 0) faults.push(`${id} was not committed`);
    if (index > count) faults.push(`${id} was sent before ${index - count} earlier ones of its key`);
    if (failuresBefore.get(id) === failures) faults.push(`${id} was sent twice though nothing failed`);
    failuresBefore.set(id, failures);
    counts.set(key, Math.max(count, index + 1));
  }
  for (const [key, { length }] of entriesOf) {
    if (counts.get(key) !== length) faults.push(`${key}: ${counts.get(key)} of ${length} were sent`);
  }
  return faults;
}

describe('a relay that is handed its entries in memory', () => {
  it.each([1, 2])(
    'sends each one, those of a key in order, whatever fails: seed %i',
    { timeout: 90_000 },
    async (seed) => {
      const random = randomOf(seed);
      const steps: Step[] = [];
      const committed: OutboxEntry[] = [];
      const dead = new Set<bigint>();
      let held: Promise<void> | undefined;
      let fails = true;
      const fail = (share: number) => {
        if (!fails || random() >= share) return;
        steps.push('failure');
        throw outOfReach();
      };

      await using stack = new AsyncDisposableStack();
      const folder = stack.use(await tempFolder());
      const storage = await openStorage(`sqlite:${join(folder.path, 'outbox.db')}`);
      stack.defer(() => storage.close());
      await storage.migrate('outbox', outboxMigrations);
      const relay = createRelay({
        kind: 'event',
        source: '//ordermesh/test',
        storage: unreliable(storage, fail),
        maxUndeletedMs: 1000,
        clock: fast,
        logger: silent,
        prepare: async () => fail(0.1),
        async send(entries) {
          await held;
          // Refused batches are sent one by one.
          const share = entries.length > 1 ? 0.2 : 0.001;
          fail(share);
          if (entries.length > 1 && entries.some(isRefused)) throw refused;
          await setImmediate();
          steps.push(...entries);
          if (entries.some(isRefused)) throw refused;
          fail(share);
        },
        isRetryable: () => false,
        deadLetter: async (_tx, { id }) => {
          dead.add(id);
          return `${id}`;
        },
      });
      const commit = async (entries: number) => {
        const done = storage.transaction(async (tx) => {
          for (let count = 0; count < entries; count++) {
            const key = `key-${Math.floor(random() * 5)}`;
            const content = { destination: 't', key, headers: {}, value: new Uint8Array(1), timeMs: 0 };
            const entry = await insertEntry(tx, 'event', content);
            tx.afterCommit(() => {
              committed.push(entry);
              relay.deliver(entry);
            });
          }
          if (random() < 0.05) throw changedMind;
        });
        await done.catch((error: unknown) => {
          if (error !== changedMind) throw error;
        });
      };
      const failures = () => steps.filter((step) => step === 'failure').length;
      /** Commits at least `entries`, in transactions of any size, several at a time. */
      const commitAll = async (entries: number) => {
        const end = committed.length + entries;
        while (committed.length < end) {
          await Promise.all(Array.from({ length: 4 }, () => commit(Math.floor(random() * 20))));
        }
      };
      const delivered = () =>
        eventually(async () => expect(await countEntries(storage, 'event')).toBe(0), { timeoutMs: 30_000 });

      // If an assertion fails, it must not go on after its storage is closed.
      stack.defer(() => relay.stop(0));

      // As many as a batch has, so the table may have more.
      while (committed.length < 500) await commit(1);
      await relay.start();
      await delivered();
      // More than it keeps in memory. A failure would make it read the table anyway.
      fails = false;
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      await commitAll(2600);
      resolve();
      await delivered();
      // While it reads the table after its failures, others commit.
      fails = true;
      for (const end = failures() + 40; failures() < end; ) {
        const before = failures();
        await commitAll(10);
        await eventually(async () => {
          if (failures() === before) expect(await countEntries(storage, 'event')).toBe(0);
        });
      }
      fails = false;
      await delivered();
      await relay.stop(10_000);
      expect(faultsOf(steps, committed)).toEqual([]);
      expect(dead).toEqual(new Set(committed.filter(isRefused).map(({ id }) => id)));
    },
  );
});
