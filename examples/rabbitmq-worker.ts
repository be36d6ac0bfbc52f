import amqp, { type ConsumeMessage } from 'amqplib';
import { fail, useBroker } from './support/broker.ts';
import { openQueue } from './support/queue.ts';

// A worker that knows only a queue: it shares the mail jobs with our own worker. Jobs it rejects become dead letters.

interface EmailJob {
  readonly to: string;
  readonly template: string;
}

const conn = await amqp.connect(useBroker('RABBITMQ_URL'));
// With an error unless this program closed the connection.
conn.on('close', (error?: Error) => error && fail(error));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void conn.close());

const channel = await openQueue(conn, 'email-jobs');
// One job at a time per worker.
await channel.prefetch(1);
await channel.consume('email-jobs', (msg) => msg && void work(msg));
console.log('waiting for jobs');

async function work(msg: ConsumeMessage): Promise<void> {
  try {
    await sendEmail(JSON.parse(msg.content.toString()));
    channel.ack(msg);
  } catch {
    channel.nack(msg, false, false);
  }
}

async function sendEmail({ to, template }: EmailJob): Promise<void> {
  if (!to || !template) throw new Error('to and template are required');
  console.log(`sent ${template} to ${to}`);
}
