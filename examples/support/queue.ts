import type { Channel, ChannelModel } from 'amqplib';

/**
 * Opens a channel for a queue. Declares a durable one if it does not exist. One that exists is used as its owner declared it:
 * RabbitMQ refuses to declare it with other arguments.
 */
export async function openQueue(connection: ChannelModel, name: string): Promise<Channel> {
  const looking = await connection.createChannel();
  // What is missing closes the channel; the error is that of `checkQueue`.
  looking.on('error', () => undefined);
  try {
    await looking.checkQueue(name);
    await looking.close();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 404)) throw error;
    const declaring = await connection.createChannel();
    // A durable queue and persistent messages survive a restart of the broker.
    await declaring.assertQueue(name, { durable: true });
    return declaring;
  }
  return await connection.createChannel();
}
