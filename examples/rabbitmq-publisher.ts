import amqp from 'amqplib';

// A publisher that knows nothing of ordermesh but a queue: the notification service sends the mail that it asks for.
// node examples/rabbitmq-publisher.ts <address>

const [to = 'user@example.com'] = process.argv.slice(2);

const conn = await amqp.connect(process.env.RABBITMQ_URL ?? 'amqp://localhost:5672');
const channel = await conn.createChannel();
// Durable: the queue survives a restart of the broker. Persistent: so does what is in it.
await channel.assertQueue('email-jobs', { durable: true });
channel.sendToQueue('email-jobs', Buffer.from(JSON.stringify({ to, template: 'welcome' })), { persistent: true });
await channel.close();
await conn.close();
console.log(`queued a welcome to ${to}`);
