import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import { endOrGrace } from '../../../time/end-or-grace.ts';
import type { TaskWorker } from '../../task-queue.ts';
import type { AmqpConnection } from '../connection/connection.ts';
import { closeChannel, keepChannel } from '../connection/lasting-channel.ts';
import type { Topology } from '../connection/topology.ts';
import { answered } from '../connection/unavailable.ts';
import { readMessage } from '../messages/message.ts';
import type { DeliveryContext } from './delivery.ts';
import { attemptDelivery, type DeliveryAttempt, giveBack } from './delivery-attempt.ts';

/** How long a stopping worker waits for its tasks in progress. */
const defaultStopGraceMs = 10_000;

/** How long a stop waits for the broker: to deliver no more tasks, within its grace, and to take back those in progress. */
const cancelTimeoutMs = 1_000;
const returnTimeoutMs = 500;

/** How long a task may need on its way back from a retry queue. */
const returnGraceMs = 5_000;

/** A worker whose tasks can be counted. */
export interface RabbitmqWorker extends TaskWorker {
  readonly queue: string;
  readonly retryDelaysMs: readonly number[];
  /** Rejects with UNAVAILABLE `TASKS_UNAVAILABLE` while it gets no tasks. */
  check(): Promise<void>;
  /** Returns the number of delivered tasks that are not acknowledged. */
  inHand(): number;
  /** Returns the number of tasks that it moved to wait for another attempt and that have not come back. */
  waiting(): number;
  /** Increases whenever a task comes or goes. */
  moves(): number;
  /** Resolves when everything that the broker has sent so far is counted. */
  settled(): Promise<void>;
}

/**
 * Creates a worker that subscribes as soon as the broker can be reached, and again after each lost connection. The
 * broker then delivers its tasks in progress again, and their attempts are aborted. When the grace of `stop` is over,
 * it aborts the tasks in progress and returns them.
 */
export function createRabbitmqWorker(
  connection: AmqpConnection,
  topology: Topology,
  context: Omit<DeliveryContext, 'channel' | 'onRetry'>,
): RabbitmqWorker {
  const { settings, clock, logger } = context;
  const { queue, concurrency, retryDelaysMs } = settings;
  const attempts = new Set<DeliveryAttempt>();
  const waiting = new Map<string, () => void>();
  const returning = new Set<Promise<void>>();
  let consumerTag = '';
  let stopping = false;
  let moves = 0;

  const forget = (stamp: string) => {
    waiting.get(stamp)?.();
    waiting.delete(stamp);
  };
  const onRetry = (stamp: string, delayMs: number) => {
    forget(stamp);
    waiting.set(
      stamp,
      clock.after(delayMs + returnGraceMs, () => waiting.delete(stamp)),
    );
  };
  const take = (channel: ConfirmChannel, message: ConsumeMessage) => {
    moves += 1;
    const one = attemptDelivery(message, { ...context, channel, onRetry });
    forget(one.stamp);
    attempts.add(one);
    void one.ended.then(() => {
      moves += 1;
      attempts.delete(one);
    });
  };
  const putBack = (channel: ConfirmChannel, message: ConsumeMessage) => {
    const given = giveBack(message, readMessage(message, clock.now()), { ...context, channel });
    returning.add(given);
    void given.then(() => returning.delete(given));
  };
  const lasting = keepChannel(
    connection,
    {
      async opened(channel) {
        if (stopping) return;
        await topology.ensure({ queue });
        await channel.prefetch(concurrency);
        const consumer = await channel.consume(queue, (message) => {
          // The queue was deleted: reopening declares it again.
          if (message === null) void closeChannel(channel, { clock, logger });
          else if (stopping) putBack(channel, message);
          else take(channel, message);
        });
        consumerTag = consumer.consumerTag;
      },
      lost(fault) {
        for (const one of attempts) one.cutOff(fault ? 'channel' : 'connection');
        attempts.clear();
        moves += 1;
      },
    },
    context,
  );
  const cancelConsumer = async () => {
    await (await lasting.current()).cancel(consumerTag);
  };
  const returnAll = async () => {
    await Promise.all([...attempts].map((one) => one.abandon()));
    await Promise.all(returning);
  };
  const unsubscribe = async (graceMs: number) => {
    // Then the broker delivers nothing.
    if (!connection.isConnected()) return;
    try {
      await answered(clock, cancelConsumer(), Math.min(cancelTimeoutMs, graceMs / 2));
    } catch (error) {
      logger.info({ err: error, queue }, 'RabbitMQ did not confirm that the worker takes no further tasks');
    }
  };
  return {
    queue,
    retryDelaysMs,
    check: async () => void (await lasting.current()),
    inHand: () => attempts.size,
    waiting: () => waiting.size,
    moves: () => moves,
    // Everything that the broker sent before this answer has arrived.
    settled: async () => void (await (await lasting.current()).checkExchange('amq.direct')),
    async stop(graceMs = defaultStopGraceMs) {
      const endMs = clock.elapsedMs() + graceMs;
      stopping = true;
      await unsubscribe(graceMs);
      const leftMs = Math.max(0, endMs - clock.elapsedMs());
      await endOrGrace(Promise.all([...attempts].map((one) => one.ended)), leftMs, clock);
      await answered(clock, returnAll(), returnTimeoutMs).catch((error: unknown) =>
        logger.warn(
          { err: error, queue },
          'worker stopped with tasks in progress; the broker delivers them to another worker',
        ),
      );
      for (const callOff of waiting.values()) callOff();
      await lasting.close();
    },
  };
}
