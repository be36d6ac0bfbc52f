import amqp, { type Channel, type Options } from 'amqplib';

/** A mail job, as both programs send it. */
export interface Job {
  readonly to: string;
  readonly template: string;
}

/** Publishes like a program that does not use the mesh: no id, no headers, no confirms. */
export async function publishPlainly(url: string, queue: string, job: Job): Promise<void> {
  const conn = await amqp.connect(url);
  const channel = await conn.createChannel();
  await channel.assertQueue(queue, { durable: true });
  channel.sendToQueue(queue, Buffer.from(JSON.stringify(job)), { persistent: true });
  await channel.close();
  await conn.close();
}

/** Publishes arbitrary messages to a queue or an exchange's key, and resolves when the broker has them. */
export async function publishRaw(
  url: string,
  queue: string,
  messages: readonly { readonly content?: string; readonly properties?: Options.Publish }[],
): Promise<void> {
  const conn = await amqp.connect(url);
  const channel = await conn.createConfirmChannel();
  for (const { content = '{}', properties = {} } of messages)
    channel.publish('', queue, Buffer.from(content), properties);
  await channel.waitForConfirms();
  await conn.close();
}

/** Declares a queue with other arguments than the mesh would. */
export async function declareOtherwise(url: string, queue: string): Promise<void> {
  const conn = await amqp.connect(url);
  const channel = await conn.createChannel();
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-max-length': 10_000 } });
  await conn.close();
}

/** Works like such a program: what fails is rejected immediately. Returns a function that ends it. */
export async function workPlainly(
  url: string,
  queue: string,
  sendEmail: (job: Job) => Promise<void>,
): Promise<() => Promise<void>> {
  const conn = await amqp.connect(url);
  const channel: Channel = await conn.createChannel();
  await channel.assertQueue(queue, { durable: true });
  await channel.prefetch(1);
  // biome-ignore lint/nursery/noMisusedPromises: such programs are written like this.
  await channel.consume(queue, async (msg) => {
    if (!msg) return;
    const job: Job = JSON.parse(msg.content.toString());
    try {
      await sendEmail(job);
      channel.ack(msg);
    } catch {
      channel.nack(msg, false, false);
    }
  });
  return () => conn.close();
}

/** Deletes a queue while it is in use. */
export async function deleteQueue(url: string, queue: string): Promise<void> {
  const conn = await amqp.connect(url);
  const channel = await conn.createChannel();
  await channel.deleteQueue(queue);
  await conn.close();
}
