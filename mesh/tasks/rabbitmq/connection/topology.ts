import type { ConfirmChannel, Replies } from 'amqplib';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import { tasksUnavailable } from '../../errors.ts';
import type { Connection } from './connection.ts';
import { closeChannel } from './lasting-channel.ts';
import { isDeclaredOtherwise, isMissing } from './reply-codes.ts';
import { answered } from './unavailable.ts';

/** Where what others reject comes to lie, when a policy of the broker sends it there. Exchange and queue. */
export const rejectedName = 'ordermesh.rejected';

/** Where a message goes: to the workers of a queue, or to wait for `delayMs` before it goes there. */
export interface Destination {
  readonly queue: string;
  readonly delayMs?: number;
}

/** The queue in RabbitMQ that a destination names. */
export function queueNameOf({ queue, delayMs }: Destination): string {
  return delayMs === undefined ? queue : `ordermesh.retry.${queue}.${delayMs}`;
}

/** Questions to the broker, each on a channel of its own, because a refusal closes the channel. */
export interface Topology {
  /**
   * Makes sure that a queue is there. A queue of tasks is declared as plainly as any publisher or worker would, and one that
   * its owner declared otherwise is used as it is.
   */
  ensure(destination: Destination): Promise<void>;
  /** How many messages wait in a queue; 0 when there is none. */
  count(destination: Destination): Promise<number>;
  /** Fails while the broker does not answer. */
  check(): Promise<void>;
}

/** Asks over `connection`, which must not publish: a broker with an alarm reads nothing of those that do. */
export function createTopology(
  connection: Connection,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Topology {
  const ask = async <T>(question: (channel: ConfirmChannel) => Promise<T>): Promise<T> => {
    if (!connection.isConnected()) throw tasksUnavailable({ problem: connection.problem() });
    const channel = await answered(clock, connection.openChannel());
    // A refusal is told to whoever asked.
    channel.on('error', () => undefined);
    try {
      return await answered(clock, question(channel));
    } finally {
      await closeChannel(channel, { clock, logger });
    }
  };
  return {
    ensure: (destination) =>
      ask(async (channel) => {
        if (destination.delayMs !== undefined) return void (await declareRetryQueue(channel, destination));
        await channel.assertQueue(destination.queue, { durable: true }).catch((error: unknown) => {
          if (!isDeclaredOtherwise(error)) throw error;
        });
      }),
    count: (destination) =>
      ask(async (channel) => {
        try {
          return (await channel.checkQueue(queueNameOf(destination))).messageCount;
        } catch (error) {
          if (isMissing(error)) return 0;
          throw error;
        }
      }),
    check: () => ask(async (channel) => void (await channel.checkExchange('amq.direct'))),
  };
}

/**
 * Declares a queue to wait in. One for each delay, because only the head of a queue expires. It is a quorum queue, the only
 * kind that gives up a task no sooner than the next queue has it.
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

/** Declares where rejected tasks come to lie until they are taken into the dead letters. */
export async function declareRejected(channel: ConfirmChannel): Promise<void> {
  await channel.assertExchange(rejectedName, 'fanout', { durable: true });
  await channel.assertQueue(rejectedName, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await channel.bindQueue(rejectedName, rejectedName, '');
}
