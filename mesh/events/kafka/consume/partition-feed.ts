import type { MeshError } from '../../../errors/mesh-error.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import { type Backoff, backoff } from '../../../time/backoff.ts';
import type { Clock } from '../../../time/clock.ts';
import type { StoredEvent } from '../../log/event-log.ts';
import { partitionAway, unreadableAt } from '../client/failures.ts';
import type { PartitionResponse } from '../protocol/fetch-response.ts';
import { type Chunk, readChunks } from './read-chunks.ts';

/** A partition that is read from an offset on. */
export interface FetchTarget {
  readonly topic: string;
  readonly partition: number;
  /** The offset to fetch next. */
  readonly next: bigint;
  /** Whether it accepts more now. Otherwise nothing is delivered or fetched. */
  hasRoom(): boolean;
  /** Accepts a bounded number of events, and moves to `next`, the offset after them. There may be none before it. */
  deliver(events: readonly StoredEvent[], next: bigint): void | Promise<void>;
  /** Moves to the oldest offset, because the partition does not have the one to fetch next. */
  startOver(oldest: bigint): void;
  /** Called with an error when the partition cannot be read further, and with `undefined` when it can be again. */
  failed(error: MeshError | undefined): void;
}

/** Delivers fetched data of one partition to its target, as fast as that accepts it. */
export interface PartitionFeed {
  readonly target: FetchTarget;
  /** Whether to fetch now. */
  readonly isHungry: boolean;
  /** Whether it has, or could fetch, more than its target accepts now. */
  readonly isHeldBack: boolean;
  accept(response: PartitionResponse): void;
  /** Delivers what there is room for. Never rejects: unreadable data stops only this partition. */
  handOn(): Promise<void>;
  /**
   * Pauses the partition for a moment, because its brokers do not answer. The target is notified after several times in
   * a row, about six seconds. Has no effect while it is paused or still has something to deliver.
   */
  miss(error: Error): void;
  /** Stops the partition for a while, because it cannot be read, and notifies the target immediately. */
  fail(error: Error): void;
}

const missDelayMs = backoff({ firstMs: 100, maxMs: 5000 });
const failDelayMs = backoff({ firstMs: 1000, maxMs: 60_000 });
// A partition that moves to another broker is unavailable for less time.
const reportedMisses = 7;

export function createPartitionFeed(target: FetchTarget, clock: Clock, logger: Logger): PartitionFeed {
  const { topic, partition } = target;
  let chunks: AsyncGenerator<Chunk> | undefined;
  let failures = 0;
  let isReported = false;
  let isResting = false;

  function succeed(): void {
    if (isReported) {
      logger.info({ topic, partition, failures }, 'partition of Kafka can be read again');
      target.failed(undefined);
    }
    failures = 0;
    isReported = false;
  }

  function rest(delayMs: Backoff): void {
    chunks = undefined;
    failures += 1;
    isResting = true;
    clock.after(delayMs(failures), () => {
      isResting = false;
    });
  }

  function report(failure: MeshError): void {
    if (!isReported) logger.error({ err: failure, topic, partition }, 'partition of Kafka cannot be read; stopping it');
    isReported = true;
    target.failed(failure);
  }

  function fail(error: Error): void {
    rest(failDelayMs);
    report(unreadableAt(target, error));
  }

  return {
    target,
    get isHungry() {
      return chunks === undefined && !isResting && target.hasRoom();
    },
    get isHeldBack() {
      return !isResting && !target.hasRoom();
    },
    accept(response) {
      chunks = readChunks(withoutOthers(response), target.next);
    },
    async handOn() {
      try {
        while (chunks !== undefined && target.hasRoom()) {
          const { value, done } = await chunks.next();
          if (!done) await target.deliver(value.events, value.next);
          else chunks = undefined;
          succeed();
        }
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    },
    miss(error) {
      if (isResting || chunks !== undefined) return;
      rest(missDelayMs);
      logger.debug({ err: error, topic, partition, failures }, 'partition of Kafka cannot be read now');
      if (failures >= reportedMisses) report(partitionAway(target, error));
    },
    fail,
  };
}

/** Copies the records if most of the answer is about other partitions, because a waiting feed keeps the whole answer. */
function withoutOthers(response: PartitionResponse): PartitionResponse {
  const { records } = response;
  return records.length * 2 < records.buffer.byteLength ? { ...response, records: Buffer.from(records) } : response;
}
