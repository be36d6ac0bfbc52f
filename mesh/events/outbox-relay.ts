import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc-common';
import { MeshError } from '../errors/mesh-error.ts';
import type { Storage } from '../storage/storage.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { pause } from '../telemetry/pause.ts';
import { backoffDelayMs } from './backoff.ts';
import {
  deleteEntries,
  type OutboxEntry,
  type OutboxKind,
  offerAgain,
  type Refusal,
  releaseLease,
  selectWaiting,
  setAside,
  takeLease,
} from './outbox-table.ts';
import { createWakeup } from './wakeup.ts';

/** What a relay works with. */
export interface RelayOptions {
  readonly kind: OutboxKind;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Run once before the first entry is sent. */
  readonly prepare: () => Promise<void>;
  /** Resolves when all entries are durable at the other end. */
  readonly send: (entries: readonly OutboxEntry[]) => Promise<void>;
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
const failureBackoff = { firstMs: 100, maxMs: 5000 };
const leaseMs = 10_000;
const leaseRetryMs = 100;
// Finds what a process left that died between its commit and its relay.
const sweepMs = 5000;

type Outcome = 'handed-on' | 'empty' | 'held-elsewhere';

/**
 * Makes a relay at rest. Where several processes share the database, a lease lets one relay work at a time. A relay that
 * outlives its lease sends a second time what another has sent, in the same order: the events' ids tell.
 */
export function createRelay({ kind, storage, clock, logger, prepare, send }: RelayOptions): Relay {
  const wakeup = createWakeup();
  const ended = new AbortController();
  const holder = randomUUID();
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
      if (outcome === 'failed') await pause(clock, backoffDelayMs(failureBackoff, failures), stopping.signal);
      else if (outcome === 'empty') await sleep();
      else await pause(clock, leaseRetryMs, stopping.signal);
    }
  }

  /** A relay that stops at a failure has it still, and the next one would wait until it ends. */
  async function giveLeaseBack(): Promise<void> {
    if (storage.exclusive) return;
    try {
      await releaseLease(storage, kind, holder);
    } catch (error) {
      logger.warn({ err: error, kind }, 'the lease of the outbox cannot be given back; others wait until it ends');
    }
  }

  async function step(): Promise<Outcome | 'failed'> {
    try {
      if (!prepared) await prepare();
      prepared = true;
      const outcome = await handOnBatch();
      if (failures > 0) logger.info({ kind, failures }, 'the outbox hands on again');
      failures = 0;
      return outcome;
    } catch (error) {
      failures += 1;
      if (failures === 1 && !ended.signal.aborted)
        logger.error({ err: error, kind }, 'the outbox cannot hand on: it keeps its entries and tries again');
      return 'failed';
    }
  }

  async function handOnBatch(): Promise<Outcome> {
    const entries = await takeBatch();
    if (entries === undefined) return 'held-elsewhere';
    if (entries.length === 0) {
      if (!storage.exclusive) await releaseLease(storage, kind, holder);
      return 'empty';
    }
    const refusals = await sendAll(entries);
    const refused = new Set(refusals.map((refusal) => refusal.entry));
    await storage.transaction(async (tx) => {
      await deleteEntries(
        tx,
        entries.filter((entry) => !refused.has(entry)),
      );
      for (const refusal of refusals) await setAside(tx, refusal);
    });
    return 'handed-on';
  }

  async function takeBatch(): Promise<OutboxEntry[] | undefined> {
    if (storage.exclusive) return await selectWaiting(storage, kind, maxEntries);
    return await storage.transaction(async (tx) => {
      const nowMs = clock.now();
      if (!(await takeLease(tx, kind, holder, nowMs, nowMs + leaseMs))) return undefined;
      return await selectWaiting(tx, kind, maxEntries);
    });
  }

  async function sendAll(entries: readonly OutboxEntry[]): Promise<Refusal[]> {
    try {
      await send(entries);
      return [];
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return await sendEach(entries);
    }
  }

  /** One at a time, to find those that are refused; what was taken before comes a second time, which is allowed. */
  async function sendEach(entries: readonly OutboxEntry[]): Promise<Refusal[]> {
    const refusals: Refusal[] = [];
    for (const entry of entries) {
      try {
        await send([entry]);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        const { destination, key } = entry;
        logger.error(
          { err: error, kind, destination, key },
          'an outbox entry was refused: it is set aside until the next start',
        );
        refusals.push({ entry, reason: error.reason, error: error.message });
      }
    }
    return refusals;
  }

  async function sleep(): Promise<void> {
    if (storage.exclusive) return await wakeup.wait();
    const cancel = clock.after(sweepMs, wakeup.ring);
    await wakeup.wait();
    cancel();
  }

  return {
    async start() {
      await offerAgain(storage, kind);
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

const refusing: ReadonlySet<Status> = new Set([
  Status.INVALID_ARGUMENT,
  Status.NOT_FOUND,
  Status.FAILED_PRECONDITION,
  Status.OUT_OF_RANGE,
  Status.PERMISSION_DENIED,
  Status.UNIMPLEMENTED,
]);

/** Whether it is about the entry, so that waiting does not help and others must not wait. */
function isRefusal(error: unknown): error is MeshError {
  return error instanceof MeshError && refusing.has(error.code);
}
