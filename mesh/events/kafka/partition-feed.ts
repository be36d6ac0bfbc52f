import { Status } from 'nice-grpc-common';
import { MeshError } from '../../errors/mesh-error.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { backoffDelayMs } from '../backoff.ts';
import type { StoredEvent } from '../event-log.ts';
import type { PartitionResponse } from './fetch-response.ts';
import { type Chunk, readChunks } from './read-chunks.ts';

/** A partition that is read from an offset on. */
export interface FetchTarget {
  readonly topic: string;
  readonly partition: number;
  /** The offset to fetch next. It moves after what lies before it was delivered. */
  next: bigint;
  /** Whether it takes more now: nothing is delivered, or fetched, while it does not. */
  hasRoom(): boolean;
  /** Takes a bounded number of events. */
  deliver(events: readonly StoredEvent[]): void;
  /** Told when the partition cannot be read on, and with `undefined` when it can be again. */
  failed(error: MeshError | undefined): void;
}

/** Brings what brokers answer for one partition to its target, as fast as that takes it. */
export interface PartitionFeed {
  readonly target: FetchTarget;
  /** Whether to fetch now. */
  readonly isHungry: boolean;
  /** Whether it has, or could fetch, more than its target takes now. */
  readonly isHeldBack: boolean;
  accept(response: PartitionResponse): void;
  /** Hands on what there is room for. Never rejects: what cannot be read stops this partition alone. */
  handOn(): Promise<void>;
  /** Stops the partition for a while, because it cannot be read. */
  fail(error: Error): void;
}

const retryBackoff = { firstMs: 1000, maxMs: 60_000 };

/** Makes a feed that has nothing yet. */
export function createPartitionFeed(target: FetchTarget, clock: Clock, logger: Logger): PartitionFeed {
  const { topic, partition } = target;
  let chunks: AsyncGenerator<Chunk> | undefined;
  let failures = 0;
  let isResting = false;

  function succeed(): void {
    if (failures === 0) return;
    logger.info({ topic, partition, failures }, 'a partition of Kafka can be read again');
    failures = 0;
    target.failed(undefined);
  }

  function fail(error: Error): void {
    chunks = undefined;
    failures += 1;
    isResting = true;
    clock.after(backoffDelayMs(retryBackoff, failures), () => {
      isResting = false;
    });
    const failure = partitionUnreadable(target, error);
    if (failures === 1)
      logger.error({ err: failure, topic, partition }, 'a partition of Kafka cannot be read: it stops');
    target.failed(failure);
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
      chunks = readChunks(response, target.next);
    },
    async handOn() {
      try {
        while (chunks !== undefined && target.hasRoom()) {
          const { value, done } = await chunks.next();
          if (done) {
            chunks = undefined;
            return;
          }
          if (value.events.length > 0) target.deliver(value.events);
          target.next = value.next;
          succeed();
        }
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    },
    fail,
  };
}

function partitionUnreadable({ topic, partition, next }: FetchTarget, cause: Error): MeshError {
  const place = `${topic}/${partition}/${next}`;
  const text =
    `what lies at ${place} cannot be read: ${cause.message}. The partition waits: ` +
    'restore it, or stop the group and commit a later offset for it';
  const metadata = { topic, partition: `${partition}`, offset: `${next}` };
  return new MeshError(Status.DATA_LOSS, 'PARTITION_UNREADABLE', text, { metadata, cause });
}
