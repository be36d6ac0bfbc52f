import type { MeshError } from '../../../errors/mesh-error.ts';
import { logFailedAttempt } from '../../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import { backoff } from '../../../time/backoff.ts';
import type { Clock } from '../../../time/clock.ts';
import { sleep } from '../../../time/sleep.ts';
import { createWakeup } from '../../../time/wakeup.ts';
import type { ConsumeOptions, StoredEvent } from '../../log/event-log.ts';
import type { FetchTarget } from './partition-feed.ts';

/** Delivers the events of one partition to a handler, in lots, while the partition is assigned. */
export interface Pump extends FetchTarget {
  readonly topicId: string;
  /** The offset to commit: every earlier event is handled. `undefined` while none is handled. */
  readonly handled: bigint | undefined;
  /** The error if the partition cannot be read further. */
  readonly failure: MeshError | undefined;
  /** Releases the partition: aborts the handler's signal and resolves when no event is in progress. */
  release(): Promise<void>;
}

export interface PumpOptions {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly start: bigint;
  readonly handle: ConsumeOptions['handle'];
  /** How many events the handler gets at a time. */
  readonly concurrency: number;
  /** Resolves when the previous owner of the partition in this process has released it. */
  readonly after: Promise<void>;
  readonly onHandled: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

const maxWaitingEvents = 500;
const maxWaitingBytes = 1024 * 1024;
const retryDelayMs = backoff({ firstMs: 100, maxMs: 30_000 });

/** Starts a pump. */
export function createPump(options: PumpOptions): Pump {
  const { topic, topicId, partition, start, handle, concurrency, after, onHandled, clock } = options;
  const logger = options.logger.child({ topic, partition });
  const wakeup = createWakeup();
  const released = new AbortController();
  const waiting: StoredEvent[] = [];
  let waitingBytes = 0;
  let next = start;
  let handled: bigint | undefined;
  let failure: MeshError | undefined;

  async function run(): Promise<void> {
    await after;
    while (!released.signal.aborted) {
      const lot = waiting.slice(0, concurrency);
      if (lot.length === 0) await wakeup.wait();
      else await deliver(lot);
    }
  }

  /** Delivers events at the same time, and those again that are not handled. */
  async function deliver(lot: readonly StoredEvent[]): Promise<void> {
    let left = lot;
    for (let failures = 1; !released.signal.aborted; failures++) {
      const handledNow = await Promise.all(left.map((event) => tryOnce(event, failures)));
      left = left.filter((_, index) => !handledNow[index]);
      dropUntil(left[0], lot);
      if (left.length === 0) return;
      await sleep(clock, retryDelayMs(failures), released.signal);
    }
  }

  async function tryOnce(event: StoredEvent, attempt: number): Promise<boolean> {
    try {
      await handle(event, released.signal);
      return true;
    } catch (error) {
      if (released.signal.aborted) return false;
      const details = { err: error, offset: `${event.offset}`, attempt };
      const text = 'event was not handled; it will be delivered again';
      logFailedAttempt({ logger, clock, level: 'warn', failures: attempt }, details, text);
      return false;
    }
  }

  /** Drops the events of a lot before one: they are handled. */
  function dropUntil(first: StoredEvent | undefined, lot: readonly StoredEvent[]): void {
    for (const event of lot) {
      if (event === first) return;
      // Dropped before.
      if (event !== waiting[0]) continue;
      waiting.shift();
      waitingBytes -= event.value.length;
      handled = event.offset + 1n;
      onHandled();
    }
  }

  const running = run();
  return {
    topic,
    topicId,
    partition,
    get next() {
      return next;
    },
    get handled() {
      return handled;
    },
    get failure() {
      return failure;
    },
    hasRoom: () => waiting.length < maxWaitingEvents && waitingBytes < maxWaitingBytes,
    deliver(events, end) {
      for (const event of events) {
        waitingBytes += event.value.length;
        waiting.push(event);
      }
      next = end;
      wakeup.ring();
    },
    startOver(oldest) {
      next = oldest;
    },
    failed(error) {
      failure = error;
    },
    async release() {
      released.abort();
      wakeup.ring();
      await running;
    },
  };
}
