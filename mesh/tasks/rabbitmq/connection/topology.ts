import type { ConfirmChannel, Replies } from 'amqplib';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import type { AmqpConnection } from './connection.ts';
import { closeChannel } from './lasting-channel.ts';
import { isDeclaredOtherwise, isMissing } from './reply-codes.ts';
import { answered } from './unavailable.ts';

/** Exchange and queue of tasks that other programs reject, if a policy of the broker routes them there. */
export const rejectedName = 'ordermesh.rejected';

/** The target of a message: the workers of a queue, after `delayMs` if it is set. */
export interface Destination {
  readonly queue: string;
  readonly delayMs?: number;
}

/** Returns the name of a destination's queue in RabbitMQ. */
export function queueNameOf({ queue, delayMs }: Destination): string {
  return delayMs === undefined ? queue : `ordermesh.retry.${queue}.${delayMs}`;
}

/** Requests to the broker, each on its own channel, because a refusal closes the channel. */
export interface Topology {
  /**
   * Declares a queue that does not exist: a queue of tasks without arguments, as any publisher or worker would. A queue of
   * tasks that exists is used as its owner declared it, and needs no right to declare queues.
   */
  ensure(destination: Destination): Promise<void>;
  /** Declares what is missing of exchange and queue of rejected tasks, and binds them. */
  ensureRejected(): Promise<void>;
  /** Returns the number of waiting messages; 0 if the queue does not exist. */
  count(destination: Destination): Promise<number>;
  /** Rejects while the broker does not answer. */
  check(): Promise<void>;
}

/** Sends requests over `connection`, which must not publish: a broker with an alarm does not read from those that do. */
export function createTopology(
  connection: AmqpConnection,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Topology {
  const ask = async <T>(question: (channel: ConfirmChannel) => Promise<T>): Promise<T> => {
    if (!connection.isConnected()) throw connection.failure();
    const channel = await answered(clock, connection.openChannel());
    // The caller gets the refusal.
    channel.on('error', () => undefined);
    try {
      return await answered(clock, question(channel));
    } finally {
      await closeChannel(channel, { clock, logger });
    }
  };
  /** Returns `undefined` if it does not exist. */
  const look = <T>(question: (channel: ConfirmChannel) => Promise<T>): Promise<T | undefined> =>
    ask((channel) =>
      question(channel).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
        return undefined;
      }),
    );
  const lookForQueue = (name: string) => look((channel) => channel.checkQueue(name));
  /** Its owner may declare it at the same moment, with other arguments. */
  const declare = (declaration: (channel: ConfirmChannel) => Promise<unknown>): Promise<void> =>
    ask(async (channel) => {
      await declaration(channel).catch((error: unknown) => {
        if (!isDeclaredOtherwise(error)) throw error;
      });
    });
  return {
    async ensure(destination) {
      // Declared even if it exists: with other arguments, it would lose tasks.
      if (destination.delayMs !== undefined) await ask((channel) => declareRetryQueue(channel, destination));
      else if (!(await lookForQueue(destination.queue)))
        await declare((channel) => channel.assertQueue(destination.queue, { durable: true }));
    },
    async ensureRejected() {
      const name = rejectedName;
      if (!(await look((channel) => channel.checkExchange(name))))
        await declare((channel) => channel.assertExchange(name, 'fanout', { durable: true }));
      if (!(await lookForQueue(name)))
        await declare((channel) =>
          channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'quorum' } }),
        );
      await ask((channel) => channel.bindQueue(name, name, ''));
    },
    count: async (destination) => (await lookForQueue(queueNameOf(destination)))?.messageCount ?? 0,
    check: () => ask(async (channel) => void (await channel.checkExchange('amq.direct'))),
  };
}

/**
 * Declares a queue of delayed tasks. There is one for each delay, because only the head of a queue expires. It is a
 * quorum queue, the only kind that keeps a task until the next queue has it.
 */
function declareRetryQueue(channel: ConfirmChannel, destination: Destination): Promise<Replies.AssertQueue> {
  return channel.assertQueue(queueNameOf(destination), {
    durable: true,
    deadLetterExchange: '',
    deadLetterRoutingKey: destination.queue,
    arguments: {
      'x-queue-type': 'quorum',
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
    },
  });
}
