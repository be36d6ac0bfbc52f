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
  /** The offset to fetch next. It moves after what lies before it was delivered. */
  next: bigint;
  /** Whether it takes more now: nothing is delivered, or fetched, while it does not. */
  hasRoom(): boolean;
  /** Takes a bounded number of events. */
  deliver(events: readonly StoredEvent[]): void;
  /** Called when the partition cannot be read on, and with `undefined` when it can be again. */
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
  /**
   * Lets the partition rest for a moment: its brokers cannot give it now. The target hears of it when that has happened
   * several times in a row, about six seconds. Changes nothing while it rests or still has something to hand on.
   */
  miss(error: Error): void;
  /** Stops the partition for a while, because it cannot be read, and reports that immediately. */
  fail(error: Error): void;
}

const missDelayMs = backoff({ firstMs: 100, maxMs: 5000 });
const failDelayMs = backoff({ firstMs: 1000, maxMs: 60_000 });
// A partition that moves to another broker is away for less.
const reportedMisses = 7;

/** Makes a feed that has nothing yet. */
export function createPartitionFeed(target: FetchTarget, clock: Clock, logger: Logger): PartitionFeed {
  const { topic, partition } = target;
  let chunks: AsyncGenerator<Chunk> | undefined;
  let failures = 0;
  let isReported = false;
  let isResting = false;

  function succeed(): void {
    if (isReported) {
      logger.info({ topic, partition, failures }, 'a partition of Kafka can be read again');
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
    if (!isReported) logger.error({ err: failure, topic, partition }, 'a partition of Kafka cannot be read: it stops');
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
          if (!done) {
            if (value.events.length > 0) target.deliver(value.events);
            target.next = value.next;
          } else chunks = undefined;
          succeed();
        }
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    },
    miss(error) {
      if (isResting || chunks !== undefined) return;
      rest(missDelayMs);
      logger.debug({ err: error, topic, partition, failures }, 'a partition of Kafka cannot be read now');
      if (failures >= reportedMisses) report(partitionAway(target, error));
    },
    fail,
  };
}

/** A copy of the records when most of the answer they are a part of is about others: who is held back keeps all of it. */
function withoutOthers(response: PartitionResponse): PartitionResponse {
  const { records } = response;
  return records.length * 2 < records.buffer.byteLength ? { ...response, records: Buffer.from(records) } : response;
}
