import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { MeshError } from '../../errors/mesh-error.ts';
import type { Transaction } from '../../storage/storage.ts';
import { logFailedAttempt, logRecovery } from '../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { backoff } from '../../time/backoff.ts';
import { endOrGrace } from '../../time/end-or-grace.ts';
import { sleep } from '../../time/sleep.ts';
import { createWakeup } from '../../time/wakeup.ts';
import { createDeliveredEntries, type DeliveredEntriesOptions } from './delivered-entries.ts';
import { createOutboxLease } from './lease.ts';
import {
  countEntries,
  deleteEntries,
  type OutboxEntry,
  type OutboxKind,
  releaseHeldBack,
  selectWaiting,
} from './outbox-table.ts';
import { type Refusal, type SendOptions, sendBatch } from './send-batch.ts';
import { createWaitingEntries } from './waiting-entries.ts';

export interface RelayOptions extends SendOptions, DeliveredEntriesOptions {
  readonly kind: OutboxKind;
  /** The source of the outbox's events, for log messages. */
  readonly source: string;
  readonly logger: Logger;
  /** Runs before the first entry is sent, and again after a failure, because what it created may be gone. */
  readonly prepare: () => Promise<void>;
  /** Writes the dead letter of an entry that was refused, and resolves with its id. */
  readonly deadLetter: (tx: Transaction, entry: OutboxEntry, error: MeshError) => Promise<string>;
}

/** Delivers the entries of one kind, in id order. */
export interface Relay {
  /** Starts, and resolves after the first attempt, successful or not. */
  start(): Promise<void>;
  /** Delivers an entry that this process has committed, if only this process uses the database. */
  deliver(entry: OutboxEntry): void;
  /** Reads the table, where this process has committed an entry. */
  wake(): void;
  /** Deletes the entries that are delivered now, if only this process uses the database. */
  deleteDelivered(): Promise<void>;
  /** Continues until nothing waits, an attempt fails or `graceMs` are over. */
  stop(graceMs: number): Promise<void>;
}

const maxEntries = 500;
const failureDelayMs = backoff({ firstMs: 100, maxMs: 5000 });
const leaseRetryMs = 100;
// Finds entries of a process that died between its commit and its relay.
const sweepMs = 5000;
// Between two batches, entries are gathered until a multiple of this time. So batches are large, and those of all relays of the
// process start together and share the commits of the log and of its consumers. The first entry after a pause does not wait.
// The time is that of the process, not of a `Clock`, because all relays have to agree on it.
const gatherMs = 50;

/** `delivered-some`: as many as a batch may have, so there may be more. */
type Outcome = 'delivered' | 'delivered-some' | 'empty' | 'held-elsewhere';

/**
 * Creates a relay. It is handed the entries of this process in memory; it reads the table at its start and after a failure. If
 * several processes share the database, it always reads the table, and a lease lets one relay work at a time. A relay that
 * outlives its lease sends entries that another relay has sent, in the same order. Their ids identify them as duplicates.
 */
export function createRelay(options: RelayOptions): Relay {
  const { kind, source, storage, clock, logger, prepare, deadLetter } = options;
  const wakeup = createWakeup();
  const ended = new AbortController();
  const lease = createOutboxLease(storage, kind, randomUUID(), logger);
  const stopping = new AbortController();
  let prepared = false;
  let holdsLease = false;
  let failures = 0;
  let failure: unknown;
  let running: Promise<void> = Promise.resolve();
  const delivered = createDeliveredEntries(options);
  const waiting = createWaitingEntries((limit) => delivered.deleteWith((tx) => selectWaiting(tx, kind, limit)));

  async function run(onFirstAttempt: () => void): Promise<void> {
    await deliverUntilStopped(onFirstAttempt);
    await delivered.delete().catch((error: unknown) => {
      logger.warn({ err: error, kind }, 'delivered outbox entries could not be deleted; they will be delivered again');
    });
    await releaseLease();
  }

  async function deliverUntilStopped(onFirstAttempt: () => void): Promise<void> {
    while (!ended.signal.aborted) {
      // Entries may be added while a step reads that there are none, so the last step begins after the stop.
      const isLast = stopping.signal.aborted;
      const outcome = await step();
      onFirstAttempt();
      if (outcome === 'delivered-some') continue;
      if (outcome === 'delivered') {
        await gather();
        continue;
      }
      if (stopping.signal.aborted && (isLast || outcome !== 'empty')) return;
      if (outcome === 'failed') await sleep(clock, failureDelayMs(failures), stopping.signal);
      else if (outcome === 'empty') await waitForEntries();
      else await sleep(clock, leaseRetryMs, stopping.signal);
    }
  }

  /** A relay that stops after a failure still holds the lease, and the next one would wait for its expiry. */
  async function releaseLease(): Promise<void> {
    if (storage.exclusive) return;
    try {
      await giveLeaseBack();
    } catch (error) {
      logger.warn({ err: error, kind }, 'outbox lease could not be released; other processes wait until it expires');
    }
  }

  async function giveLeaseBack(): Promise<void> {
    holdsLease = false;
    await lease.release(storage);
  }

  async function step(): Promise<Outcome | 'failed'> {
    try {
      if (!prepared) await prepare();
      prepared = true;
      const outcome = await deliverBatch();
      if (failures > 0) {
        logRecovery({ logger, clock }, { err: failure, ...(await describe()), failures }, 'outbox relay recovered');
      }
      failures = 0;
      return outcome;
    } catch (error) {
      failures += 1;
      failure = error;
      prepared = false;
      waiting.forget();
      if (!ended.signal.aborted) {
        const attempt = { err: error, ...(failures === 1 && (await describe())) };
        logFailedAttempt({ logger, clock, failures }, attempt, 'outbox relay failed; retrying');
      }
      return 'failed';
    }
  }

  /** Identifies the relay in log messages. `entries` is missing if the database is what fails. */
  async function describe(): Promise<object> {
    const counting = delivered.delete().then(() => countEntries(storage, kind));
    const entries = await counting.catch(() => undefined);
    return { source, kind, entries };
  }

  async function deliverBatch(): Promise<Outcome> {
    const entries = await takeBatch();
    if (entries === undefined) return 'held-elsewhere';
    if (entries.length === 0) {
      if (!storage.exclusive) await giveLeaseBack();
      else if (delivered.isDue()) await delivered.delete();
      return 'empty';
    }
    const { done, refusals, failure } = await sendBatch(entries, options);
    delivered.add(done);
    if (refusals.length > 0) await giveUp(refusals);
    else if (delivered.isDue()) await delivered.delete();
    if (failure !== undefined) throw failure;
    return entries.length < maxEntries ? 'delivered' : 'delivered-some';
  }

  async function takeBatch(): Promise<OutboxEntry[] | undefined> {
    if (storage.exclusive) return await waiting.take(maxEntries);
    // `holdsLease` may be out of date after a long send or a failure, so it only decides whether entries are read at all.
    holdsLease ||= await lease.take(await lease.read(storage));
    if (!holdsLease) return undefined;
    const { reading } = await delivered.deleteWith(async (tx) => {
      const reading = Promise.all([lease.read(tx), selectWaiting(tx, kind, maxEntries)]);
      // Not awaited here, so PostgreSQL gets them in one message with the commit. If one fails, so does the transaction.
      reading.catch(() => undefined);
      return { reading };
    });
    const [read, entries] = await reading;
    // Entries that were read while this relay did not hold the lease may be sent already by the one that held it. Its lease may
    // look as before when it is taken here, so the next round takes it and reads afresh.
    holdsLease = lease.isOwn(read) && (await lease.take(read));
    return holdsLease ? entries : undefined;
  }

  async function giveUp(refusals: readonly Refusal[]): Promise<void> {
    const ids = await delivered.deleteWith(async (tx) => {
      const ids: string[] = [];
      for (const { entry, error } of refusals) ids.push(await deadLetter(tx, entry, error));
      deleteEntries(
        tx,
        refusals.map(({ entry }) => entry.id),
      );
      return ids;
    });
    for (const [index, { entry, error }] of refusals.entries()) {
      const { destination, key } = entry;
      logger.error(
        { err: error, dead_letter: ids[index], source, kind, destination, key },
        'outbox entry was refused and became a dead letter',
      );
    }
  }

  async function gather(): Promise<void> {
    const waitMs = gatherMs - (performance.now() % gatherMs);
    // Rejects if the relay stops meanwhile: then it does not wait.
    await setTimeout(waitMs, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
  }

  async function waitForEntries(): Promise<void> {
    if (storage.exclusive && !delivered.some) return await wakeup.wait();
    const cancel = clock.after(delivered.some ? options.maxUndeletedMs : sweepMs, wakeup.ring);
    await wakeup.wait();
    cancel();
  }

  return {
    async start() {
      await releaseHeldBack(storage, kind);
      await new Promise<void>((resolve) => {
        running = run(resolve);
      });
    },
    deliver(entry) {
      waiting.add(entry);
      wakeup.ring();
    },
    wake: wakeup.ring,
    async deleteDelivered() {
      // On a shared database they are deleted with the next take, which must not miss a deletion that is under way.
      if (storage.exclusive) await delivered.delete();
    },
    async stop(graceMs) {
      stopping.abort();
      wakeup.ring();
      await endOrGrace(running, graceMs, clock);
      ended.abort();
    },
  };
}
