import { randomUUID } from 'node:crypto';
import { isRefusal } from '../../errors/codes.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { backoff } from '../../time/backoff.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { createWakeup } from '../../time/wakeup.ts';
import { createLease } from './lease.ts';
import {
  countEntries,
  deleteEntries,
  type OutboxEntry,
  type OutboxKind,
  selectWaiting,
  takeUpHeldBack,
} from './outbox-table.ts';

/** What a relay works with. */
export interface RelayOptions {
  readonly kind: OutboxKind;
  /** Whose outbox it is, for the log. */
  readonly source: string;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Run before the first entry is sent, and again after a failure: what it made may be gone. */
  readonly prepare: () => Promise<void>;
  /** Resolves when all entries are durable at the other end. */
  readonly send: (entries: readonly OutboxEntry[]) => Promise<void>;
  /** Whether an entry that was refused can be taken after `prepare`. */
  readonly mayPass: (entry: OutboxEntry, error: MeshError) => boolean;
  /** Writes the dead letter of an entry that was refused, and resolves with its id. */
  readonly deadLetter: (tx: Transaction, entry: OutboxEntry, error: MeshError) => Promise<string>;
}

/** Hands on the entries of one kind, in id order. */
export interface Relay {
  /** Begins; resolves after the first try, whether or not it succeeded. */
  start(): Promise<void>;
  wake(): void;
  /** Goes on until nothing waits, a try fails or `graceMs` are over. */
  stop(graceMs: number): Promise<void>;
}

const maxEntries = 500;
const failureDelayMs = backoff({ firstMs: 100, maxMs: 5000 });
const leaseRetryMs = 100;
// Finds what a process left that died between its commit and its relay.
const sweepMs = 5000;

/** An entry that log or queue will not take as it is. */
interface Refusal {
  readonly entry: OutboxEntry;
  readonly error: MeshError;
}

/** What became of entries. */
interface Sent {
  /** Those that need not be sent any more, the refused ones among them. */
  readonly done: readonly OutboxEntry[];
  readonly refusals: readonly Refusal[];
  /** Why the others were not sent. */
  readonly failure?: unknown;
}

type Outcome = 'handed-on' | 'empty' | 'held-elsewhere';

/**
 * Makes a relay at rest. Where several processes share the database, a lease lets one relay work at a time. A relay that
 * outlives its lease sends a second time what another has sent, in the same order: the events' ids tell.
 */
export function createRelay(options: RelayOptions): Relay {
  const { kind, source, storage, clock, logger, prepare, send, mayPass, deadLetter } = options;
  const wakeup = createWakeup();
  const ended = new AbortController();
  const lease = createLease(storage, kind, randomUUID(), logger);
  const stopping = new AbortController();
  let prepared = false;
  let failures = 0;
  let running: Promise<void> = Promise.resolve();

  async function run(begun: () => void): Promise<void> {
    await handOnUntilStopped(begun);
    await giveLeaseBack();
  }

  async function handOnUntilStopped(begun: () => void): Promise<void> {
    while (!ended.signal.aborted) {
      const outcome = await step();
      begun();
      if (outcome === 'handed-on') continue;
      if (stopping.signal.aborted) return;
      if (outcome === 'failed') await sleep(clock, failureDelayMs(failures), stopping.signal);
      else if (outcome === 'empty') await waitForEntries();
      else await sleep(clock, leaseRetryMs, stopping.signal);
    }
  }

  /** A relay that stops at a failure has it still, and the next one would wait until it ends. */
  async function giveLeaseBack(): Promise<void> {
    if (storage.exclusive) return;
    try {
      await lease.release(storage);
    } catch (error) {
      logger.warn({ err: error, kind }, 'the lease of the outbox cannot be given back; others wait until it ends');
    }
  }

  async function step(): Promise<Outcome | 'failed'> {
    try {
      if (!prepared) await prepare();
      prepared = true;
      const outcome = await handOnBatch();
      if (failures > 0) logger.info({ ...(await describe()), failures }, 'outbox relay works again');
      failures = 0;
      return outcome;
    } catch (error) {
      failures += 1;
      prepared = false;
      if (failures === 1 && !ended.signal.aborted)
        logger.error({ err: error, ...(await describe()) }, 'outbox relay failed; retrying');
      return 'failed';
    }
  }

  /** Whose relay it is, and how much waits; without the latter where its database is what fails. */
  async function describe(): Promise<object> {
    const entries = await countEntries(storage, kind).catch(() => undefined);
    return { source, kind, entries };
  }

  async function handOnBatch(): Promise<Outcome> {
    const entries = await takeBatch();
    if (entries === undefined) return 'held-elsewhere';
    if (entries.length === 0) {
      if (!storage.exclusive) await lease.release(storage);
      return 'empty';
    }
    const { done, refusals, failure } = await sendAll(entries);
    let letterIds: string[] = [];
    await storage.transaction(async (tx) => {
      await deleteEntries(tx, done);
      letterIds = [];
      for (const { entry, error } of refusals) letterIds.push(await deadLetter(tx, entry, error));
    });
    for (const [index, { entry, error }] of refusals.entries()) {
      const { destination, key } = entry;
      logger.error(
        { err: error, dead_letter: letterIds[index], source, kind, destination, key },
        'an entry of the outbox was refused: it is a dead letter now',
      );
    }
    if (failure !== undefined) throw failure;
    return 'handed-on';
  }

  async function takeBatch(): Promise<OutboxEntry[] | undefined> {
    if (storage.exclusive) return await selectWaiting(storage, kind, maxEntries);
    return await storage.transaction(async (tx) => {
      if (!(await lease.take(tx))) return undefined;
      return await selectWaiting(tx, kind, maxEntries);
    });
  }

  async function sendAll(entries: readonly OutboxEntry[]): Promise<Sent> {
    try {
      await send(entries);
      return { done: entries, refusals: [] };
    } catch (error) {
      if (!(error instanceof MeshError && isRefusal(error))) throw error;
      return await sendEach(entries);
    }
  }

  /** One at a time, to find those that are refused; what was taken before comes a second time, which is allowed. */
  async function sendEach(entries: readonly OutboxEntry[]): Promise<Sent> {
    const done: OutboxEntry[] = [];
    const refusals: Refusal[] = [];
    for (const entry of entries) {
      try {
        await send([entry]);
      } catch (error) {
        if (!(error instanceof MeshError && isRefusal(error)) || mayPass(entry, error)) {
          return { done, refusals, failure: error };
        }
        refusals.push({ entry, error });
      }
      done.push(entry);
    }
    return { done, refusals };
  }

  async function waitForEntries(): Promise<void> {
    if (storage.exclusive) return await wakeup.wait();
    const cancel = clock.after(sweepMs, wakeup.ring);
    await wakeup.wait();
    cancel();
  }

  return {
    async start() {
      await takeUpHeldBack(storage, kind);
      await new Promise<void>((resolve) => {
        running = run(resolve);
      });
    },
    wake: wakeup.ring,
    async stop(graceMs) {
      stopping.abort();
      wakeup.ring();
      const graceOver = Promise.withResolvers<void>();
      const cancel = clock.after(graceMs, graceOver.resolve);
      await Promise.race([running, graceOver.promise]);
      cancel();
      ended.abort();
    },
  };
}
