import type { ConfirmChannel, Replies } from 'amqplib';

/** Where what others reject comes to lie, when a policy of the broker sends it there. Exchange and queue. */
export const rejectedName = 'ordermesh.rejected';

/** Declares a queue of tasks as plainly as any publisher or worker would, so that none of them is refused. */
export function declareQueue(channel: ConfirmChannel, queue: string): Promise<Replies.AssertQueue> {
  return channel.assertQueue(queue, { durable: true });
}

/** The queue in which tasks of `queue` wait for about `delayMs` before they go back. */
export function retryQueueName(queue: string, delayMs: number): string {
  return `ordermesh.retry.${queue}.${delayMs}`;
}

/**
 * Declares a queue to wait in. One for each delay, because only the head of a queue expires. It is a quorum queue, the only
 * kind that gives up a task no sooner than the next queue has it.
 */
export function declareRetryQueue(
  channel: ConfirmChannel,
  queue: string,
  delayMs: number,
): Promise<Replies.AssertQueue> {
  return channel.assertQueue(retryQueueName(queue, delayMs), {
    durable: true,
    deadLetterExchange: '',
    deadLetterRoutingKey: queue,
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
