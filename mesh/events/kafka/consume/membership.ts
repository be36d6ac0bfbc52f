import type { Consumer, Kafka } from 'kafkajs';
import { logFailedAttempt } from '../../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import { backoff } from '../../../time/backoff.ts';
import type { Clock } from '../../../time/clock.ts';
import { sleep } from '../../../time/sleep.ts';
import { toLogFailure } from '../client/failures.ts';
import { metadataMaxAgeMs, retry } from '../client/kafkajs.ts';
import { meansOf } from '../client/protocol-errors.ts';

/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** The position of a group in a partition. */
export interface CommittedOffset extends TopicPartition {
  readonly offset: bigint;
  /** The id of its topic, because another topic of the same name may follow. Empty if unknown. */
  readonly topicId: string;
}

/** A membership in a group. */
export interface Membership {
  /** Rejects if the group has continued without this member, or cannot be reached. */
  commit(offsets: readonly CommittedOffset[]): Promise<void>;
  /** Leaves the group. */
  leave(): Promise<void>;
}

export interface MembershipOptions {
  readonly newClient: () => Kafka;
  /** Called when a topic is missing; meanwhile the group gets no partitions. Never rejects. */
  readonly createMissing: () => Promise<void>;
  readonly group: string;
  readonly topics: readonly string[];
  /** Called at the end of every rebalance with all partitions of the member. */
  readonly onAssigned: (partitions: readonly TopicPartition[]) => void;
  /** Called when the member no longer has partitions: the group rebalances, or the member was disconnected. */
  readonly onRevoked: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

// How long others wait after a crash: the minimum that brokers allow by default. Handlers do not delay heartbeats.
const sessionTimeoutMs = 6000;
const rebalanceTimeoutMs = 10_000;
// How soon a member notices that others have joined or left.
const heartbeatIntervalMs = 500;
const turnMs = 250;
const retryDelayMs = backoff({ firstMs: 200, maxMs: 5000 });

/**
 * Joins a group in the background and stays in it. The library's consumer does only that: all of its partitions are
 * paused, so its heartbeats wait for no handler and no fetch outlives an assignment. A crashed consumer is replaced.
 */
export function joinGroup(options: MembershipOptions): Membership {
  const { newClient, createMissing, group, topics, onAssigned, onRevoked, clock } = options;
  const logger = options.logger.child({ group });
  const leaving = new AbortController();
  let consumer: Consumer | undefined;
  /** Resolves when the consumer has joined: the library drops earlier commits without an error. */
  let started: Promise<void> = Promise.resolve();

  async function stay(): Promise<void> {
    for (let failures = 0; !leaving.signal.aborted; ) {
      const joined = newClient().consumer({
        groupId: group,
        sessionTimeout: sessionTimeoutMs,
        rebalanceTimeout: rebalanceTimeoutMs,
        heartbeatInterval: heartbeatIntervalMs,
        maxWaitTimeInMs: turnMs,
        metadataMaxAge: metadataMaxAgeMs,
        allowAutoTopicCreation: false,
        retry: { ...retry, restartOnFailure: async () => false },
      });
      try {
        const crashed = watch(joined, () => {
          failures = 0;
        });
        await joined.connect();
        await joined.subscribe({ topics: [...topics], fromBeginning: true });
        consumer = joined;
        started = joined.run({ autoCommit: false, eachBatch: async () => undefined });
        await started;
        throw await crashed;
      } catch (error) {
        consumer = undefined;
        onRevoked();
        await leave(joined);
        if (leaving.signal.aborted) return;
        failures += 1;
        // A first failure is normal: a broker that has just become the coordinator of the group answers so.
        if (failures >= 2) {
          const attempt = { err: toLogFailure(error) };
          const text = 'consumer cannot stay in its group; retrying';
          logFailedAttempt({ logger, clock, level: 'warn', failures: failures - 1 }, attempt, text);
        }
        if (meansOf(error) === 'missing-topic') await createMissing();
      }
      await sleep(clock, retryDelayMs(failures), leaving.signal);
    }
  }

  async function leave(joined: Consumer): Promise<void> {
    try {
      await joined.disconnect();
    } catch (error) {
      logger.debug({ err: error }, 'consumer could not leave the group cleanly; its session will expire');
    }
  }

  /** Resolves with what ended the membership. */
  function watch(joined: Consumer, onJoined: () => void): Promise<Error> {
    // It may still be joining while it leaves.
    const isMember = () => consumer === joined;
    joined.on(joined.events.REBALANCING, () => isMember() && onRevoked());
    joined.on(joined.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
      if (!isMember()) return;
      const assigned = Object.entries(memberAssignment);
      joined.pause(assigned.map(([topic, partitions]) => ({ topic, partitions })));
      onJoined();
      onAssigned(assigned.flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition }))));
    });
    return new Promise((resolve) => {
      joined.on(joined.events.CRASH, ({ payload: { error } }) => resolve(error));
      leaving.signal.addEventListener('abort', () => resolve(new Error('left the group')));
    });
  }

  const staying = stay();
  return {
    async commit(offsets) {
      await started;
      if (!consumer) throw new Error(`not in group ${group} now`);
      await commitConfirmed(consumer, offsets);
    },
    async leave() {
      leaving.abort();
      await staying;
    },
  };
}

/** Commits, and rejects unless the broker confirms it: the library resolves as well when the consumer has just crashed. */
async function commitConfirmed(consumer: Consumer, offsets: readonly CommittedOffset[]): Promise<void> {
  const confirmed = new Set<string>();
  const placeOf = (topic: string, partition: number, offset: string) => `${topic}/${partition} ${offset}`;
  const stopListening = consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload: { topics } }) => {
    for (const { topic, partitions } of topics)
      for (const { partition, offset } of partitions) confirmed.add(placeOf(topic, Number(partition), `${offset}`));
  });
  try {
    await consumer.commitOffsets(
      offsets.map(({ topic, partition, offset, topicId }) => ({
        topic,
        partition,
        offset: `${offset}`,
        metadata: topicId,
      })),
    );
  } finally {
    stopListening();
  }
  const isConfirmed = offsets.every(({ topic, partition, offset }) =>
    confirmed.has(placeOf(topic, partition, `${offset}`)),
  );
  if (!isConfirmed) throw new Error('consumer stopped before the broker confirmed its offsets');
}
