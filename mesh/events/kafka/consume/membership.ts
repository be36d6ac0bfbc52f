import type { Consumer, Kafka } from 'kafkajs';
import type { Logger } from '../../../telemetry/logger.ts';
import { backoff } from '../../../time/backoff.ts';
import type { Clock } from '../../../time/clock.ts';
import { sleep } from '../../../time/sleep.ts';
import { metadataMaxAgeMs, retry } from '../client/kafkajs.ts';
import { meansOf } from '../client/protocol-errors.ts';

/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Where a group goes on in a partition. */
export interface CommittedOffset extends TopicPartition {
  readonly offset: bigint;
  /** The id of the topic that it is an offset in: another of its name may follow. Empty when nobody knows it. */
  readonly topicId: string;
}

/** A place in a group. */
export interface Membership {
  /** Rejects when the group has gone on without this member, or cannot be reached. */
  commit(offsets: readonly CommittedOffset[]): Promise<void>;
  /** Leaves the group. */
  leave(): Promise<void>;
}

export interface MembershipOptions {
  readonly newClient: () => Kafka;
  /** Called when a topic is missing: while one is, the group has none. Never rejects. */
  readonly createMissing: () => Promise<void>;
  readonly group: string;
  readonly topics: readonly string[];
  /** The member has these partitions now, and no others. Called at every rebalance, at its end. */
  readonly onAssigned: (partitions: readonly TopicPartition[]) => void;
  /** The member has no partitions any more: the group rebalances, or the member was cut off. */
  readonly onRevoked: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

// What a crash makes the others wait: the least that brokers allow by default. No handler holds up a heartbeat.
const sessionTimeoutMs = 6000;
const rebalanceTimeoutMs = 10_000;
// How soon a member hears that others have come or gone.
const heartbeatIntervalMs = 500;
const turnMs = 250;
const retryDelayMs = backoff({ firstMs: 200, maxMs: 5000 });

/**
 * Joins a group in the background and stays in it. The library's consumer does nothing but that: all of its partitions
 * are paused, so that its heartbeats wait for no handler and none of its fetches outlives an assignment. One that has
 * crashed is replaced.
 */
export function joinGroup(options: MembershipOptions): Membership {
  const { newClient, createMissing, group, topics, onAssigned, onRevoked, clock } = options;
  const logger = options.logger.child({ group });
  const leaving = new AbortController();
  let consumer: Consumer | undefined;

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
        await joined.run({ autoCommit: false, eachBatch: async () => undefined });
        throw await crashed;
      } catch (error) {
        consumer = undefined;
        onRevoked();
        await leave(joined);
        if (leaving.signal.aborted) return;
        failures += 1;
        // Once is usual: a broker that has just begun to coordinate the group says so.
        if (failures === 2) logger.warn({ err: error }, 'a member cannot stay in its group; it tries on');
        if (meansOf(error) === 'missing-topic') await createMissing();
      }
      await sleep(clock, retryDelayMs(failures), leaving.signal);
    }
  }

  async function leave(joined: Consumer): Promise<void> {
    try {
      await joined.disconnect();
    } catch (error) {
      logger.debug({ err: error }, 'a member could not take its leave; its session runs out');
    }
  }

  /** Resolves with what ended it. */
  function watch(joined: Consumer, onJoined: () => void): Promise<Error> {
    // It may still join while it takes its leave.
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
      if (!consumer) throw new Error(`not in group ${group} now`);
      await consumer.commitOffsets(
        offsets.map(({ topic, partition, offset, topicId }) => ({
          topic,
          partition,
          offset: `${offset}`,
          metadata: topicId,
        })),
      );
    },
    async leave() {
      leaving.abort();
      await staying;
    },
  };
}
