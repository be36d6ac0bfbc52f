import amqp from 'amqplib';
import { useBroker } from './support/broker.ts';
import { openQueue } from './support/queue.ts';

// A publisher that knows only a queue. The notification service sends the mail.
// Usage: node examples/rabbitmq-publisher.ts <address>

const [to = 'user@example.com'] = process.argv.slice(2);

const conn = await amqp.connect(useBroker('RABBITMQ_URL'));
const channel = await openQueue(conn, 'email-jobs');
channel.sendToQueue('email-jobs', Buffer.from(JSON.stringify({ to, template: 'welcome' })), { persistent: true });
await channel.close();
await conn.close();
console.log(`queued a welcome mail to ${to}`);
