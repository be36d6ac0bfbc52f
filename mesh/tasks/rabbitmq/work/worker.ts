import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import type { TaskWorker } from '../../task-queue.ts';
import type { Connection } from '../connection/connection.ts';
import { closeChannel, keepChannel } from '../connection/lasting-channel.ts';
import type { Topology } from '../connection/topology.ts';
import { answered } from '../connection/unavailable.ts';
import { readMessage } from '../messages/message.ts';
import type { DeliveryContext } from './delivery.ts';
import { type DeliveryTry, giveBack, tryDelivery } from './try-delivery.ts';

/** How long a worker that stops waits for the tasks in hand. */
const defaultStopGraceMs = 10_000;

/** How long a stop waits for the broker: to take no more tasks, within its grace, and to take back those in hand. */
const cancelTimeoutMs = 1_000;
const returnTimeoutMs = 500;

/** How long a task may need on its way back from a retry queue. */
const returnGraceMs = 5_000;

/** A worker whose tasks can be counted. */
export interface RabbitmqWorker extends TaskWorker {
  readonly queue: string;
  readonly retryDelaysMs: readonly number[];
  /** Fails with UNAVAILABLE `TASKS_UNAVAILABLE` while it gets no tasks. */
  check(): Promise<void>;
  /** Tasks that were delivered and are not acknowledged. */
  inHand(): number;
  /** Tasks that it sent to wait for another try and did not see again. */
  waiting(): number;
  /** Grows whenever a task comes or goes. */
  moves(): number;
  /** Resolves when all that the broker has sent so far is counted. */
  settled(): Promise<void>;
}

/**
 * Makes a worker that subscribes now or when the broker can be reached, and again whenever it was cut off; then the broker
 * hands what it had in hand to a worker again, and the tries that were cut off are aborted. `stop`
 * aborts what is in hand when its grace is over, and gives it back.
 */
export function createRabbitmqWorker(
  connection: Connection,
  topology: Topology,
  context: Omit<DeliveryContext, 'channel' | 'onRetry'>,
): RabbitmqWorker {
  const { settings, clock, logger } = context;
  const { queue, concurrency, retryDelaysMs } = settings;
  const tries = new Set<DeliveryTry>();
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
    const one = tryDelivery(message, { ...context, channel, onRetry });
    forget(one.stamp);
    tries.add(one);
    void one.ended.then(() => {
      moves += 1;
      tries.delete(one);
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
          // The queue was deleted: opening again declares it again.
          if (message === null) void closeChannel(channel, { clock, logger });
          else if (stopping) putBack(channel, message);
          else take(channel, message);
        });
        consumerTag = consumer.consumerTag;
      },
      lost(fault) {
        for (const one of tries) one.cutOff(fault ? 'channel' : 'connection');
        tries.clear();
        moves += 1;
      },
    },
    context,
  );
  const cancelConsumer = async () => {
    await (await lasting.current()).cancel(consumerTag);
  };
  const returnAll = async () => {
    await Promise.all([...tries].map((one) => one.abandon()));
    await Promise.all(returning);
  };
  const unsubscribe = async (graceMs: number) => {
    try {
      await answered(clock, cancelConsumer(), Math.min(cancelTimeoutMs, graceMs / 2));
    } catch (error) {
      logger.info({ err: error, queue }, 'a worker stops that RabbitMQ has cut off');
    }
  };
  return {
    queue,
    retryDelaysMs,
    check: async () => void (await lasting.current()),
    inHand: () => tries.size,
    waiting: () => waiting.size,
    moves: () => moves,
    // What the broker sent before this answer has come.
    settled: async () => void (await (await lasting.current()).checkExchange('amq.direct')),
    async stop(graceMs = defaultStopGraceMs) {
      const endMs = clock.elapsedMs() + graceMs;
      stopping = true;
      await unsubscribe(graceMs);
      const grace = Promise.withResolvers<void>();
      const callOffGrace = clock.after(Math.max(0, endMs - clock.elapsedMs()), grace.resolve);
      await Promise.race([Promise.all([...tries].map((one) => one.ended)), grace.promise]);
      callOffGrace();
      await answered(clock, returnAll(), returnTimeoutMs).catch((error: unknown) =>
        logger.warn(
          { err: error, queue },
          'a worker stops with tasks in hand: the broker hands them to another worker',
        ),
      );
      for (const callOff of waiting.values()) callOff();
      await lasting.close();
    },
  };
}
