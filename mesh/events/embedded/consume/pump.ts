import { isDataLoss } from '../../../errors/codes.ts';
import type { MeshError } from '../../../errors/mesh-error.ts';
import type { Storage } from '../../../storage/storage.ts';
import { logFailedAttempt } from '../../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import { backoff } from '../../../time/backoff.ts';
import type { Clock } from '../../../time/clock.ts';
import { sleep } from '../../../time/sleep.ts';
import { createWakeup } from '../../../time/wakeup.ts';
import type { ConsumeOptions, StoredEvent } from '../../log/event-log.ts';
import type { Offsets } from '../file/offsets.ts';
import type { Partition } from '../file/partition.ts';
import { type ReadLimits, readBatch, recentBatch } from './reader.ts';

/** Delivers an event to a member of a group. `signal` aborts when the member leaves. */
export interface Deliver {
  readonly handle: ConsumeOptions['handle'];
  /** How many events of a partition it gets at a time. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
}

export interface PumpContext {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Delivers the events of one partition to one group, in lots, to the member that has the partition. */
export interface Pump {
  /** The error if the partition cannot be read further because its data is damaged. */
  readonly failure: MeshError | undefined;
  /** Delivers to this member from the next event on. `undefined`: pauses. */
  assign(deliver: Deliver | undefined): void;
  /** Resolves when the member has no events of this partition in progress and its work is committed. */
  released(deliver: Deliver): Promise<void>;
}

const batchLimits: ReadLimits = { maxEvents: 200, maxBytes: 1024 * 1024 };
const retryDelayMs = backoff({ firstMs: 100, maxMs: 30_000 });

/** Creates a paused pump that resumes at the group's committed offset. */
export function createPump(partition: Partition, offsets: Offsets, context: PumpContext): Pump {
  const { storage, clock } = context;
  const logger = context.logger.child({ topic: partition.topic, partition: partition.number });
  const wakeup = createWakeup();
  let owner: Deliver | undefined;
  /** The member that has, or last had, events in progress, and the end of these. */
  let holder: Deliver | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  let running: Promise<void> | undefined;
  let next = offsets.next(partition);
  let failure: MeshError | undefined;

  async function run(): Promise<void> {
    partition.listeners.add(wakeup.ring);
    let failures = 0;
    while (owner) {
      try {
        const found = await deliverBatch();
        failures = 0;
        failure = undefined;
        if (!found) await wakeup.wait();
      } catch (error) {
        failures += 1;
        if (isDataLoss(error)) {
          if (!failure) logger.error({ err: error }, 'partition of the event log cannot be read; stopping it');
          failure = error;
        } else {
          const text = 'reading in the event log failed; retrying';
          logFailedAttempt({ logger, clock, level: 'warn', failures }, { err: error }, text);
        }
        if (owner) await sleep(clock, retryDelayMs(failures), owner.signal);
      }
    }
    partition.listeners.delete(wakeup.ring);
    running = undefined;
  }

  async function deliverBatch(): Promise<boolean> {
    const from = next;
    const batch = recentBatch(partition, from, batchLimits) ?? (await readBatch(storage, partition, from, batchLimits));
    let delivered = 0;
    while (owner && delivered < batch.events.length) {
      const lot = batch.events.slice(delivered, delivered + owner.concurrency);
      if (!(await deliver(lot))) break;
      delivered += lot.length;
    }
    if (delivered === batch.events.length) {
      next = batch.next;
      offsets.note(partition, next);
    }
    return batch.next > from;
  }

  /** Delivers events at the same time, and those again that are not handled. */
  async function deliver(lot: readonly StoredEvent[]): Promise<boolean> {
    let left = lot;
    for (let failures = 1; owner; failures++) {
      holder = owner;
      const attempt = tryOnce(left, owner, failures).then((unhandled) => {
        left = unhandled;
        const [first] = unhandled;
        next = first?.offset ?? endOf(lot);
        offsets.note(partition, next);
      });
      turn = attempt;
      await attempt;
      if (left.length === 0) return true;
      await sleep(clock, retryDelayMs(failures), holder.signal);
    }
    return false;
  }

  function endOf(lot: readonly StoredEvent[]): bigint {
    const last = lot.at(-1);
    return last === undefined ? next : last.offset + 1n;
  }

  /** Returns the events that were not handled. */
  async function tryOnce(lot: readonly StoredEvent[], to: Deliver, attempt: number): Promise<readonly StoredEvent[]> {
    const handled = await Promise.all(lot.map((event) => handle(event, to, attempt)));
    return lot.filter((_, index) => !handled[index]);
  }

  async function handle(event: StoredEvent, to: Deliver, attempt: number): Promise<boolean> {
    try {
      await to.handle(event, to.signal);
      return true;
    } catch (error) {
      if (to.signal.aborted) return false;
      const details = { err: error, offset: `${event.offset}`, attempt };
      const text = 'event was not handled; it will be delivered again';
      logFailedAttempt({ logger, clock, level: 'warn', failures: attempt }, details, text);
      return false;
    }
  }

  return {
    get failure() {
      return failure;
    },
    assign(deliver) {
      owner = deliver;
      wakeup.ring();
      if (owner) running ??= run();
    },
    async released(deliver) {
      if (holder === deliver) {
        await turn;
        await offsets.save().catch((error: unknown) => logger.warn({ err: error }, 'offset commit failed'));
      }
      if (!owner) await running;
    },
  };
}
