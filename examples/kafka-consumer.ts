import { Kafka, logLevel } from 'kafkajs';
import { fail, useBroker } from './support/broker.ts';

// A consumer that knows only a topic: it reads the events of the order service as plain JSON. Its group has the same name as
// that of our notification service, so the two share the events. Set GROUP_ID to receive all of them.

const broker = useBroker('KAFKA_BROKER');
// What fails is thrown: kafkajs would log it as well, several times.
const kafka = new Kafka({ clientId: 'notifier', brokers: [broker], logLevel: logLevel.NOTHING });
const consumer = kafka.consumer({ groupId: process.env.GROUP_ID ?? 'notification-service' });
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void consumer.disconnect());

// A consumer that lost its broker connects again by itself; otherwise it has stopped.
consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
  if (!restart) fail(error);
});
await consumer.connect();
await consumer.subscribe({ topic: 'order.events', fromBeginning: false });
await consumer.run({
  eachMessage: async ({ message }) => {
    const event = JSON.parse(message.value?.toString() ?? '{}');
    if (event.type === 'ORDER_PLACED') {
      await sendOrderConfirmationEmail(event.userId, event.orderId);
    }
  },
});

async function sendOrderConfirmationEmail(userId: string, orderId: string): Promise<void> {
  console.log(`mail to ${userId}: we received your order ${orderId}`);
}
