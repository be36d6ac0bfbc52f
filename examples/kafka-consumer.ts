import { Kafka } from 'kafkajs';

// A consumer that knows only a topic: it reads the events of the order service as plain JSON. Its group has the same name as
// that of our notification service, so the two share the events. Set GROUP_ID to receive all of them.

const kafka = new Kafka({ clientId: 'notifier', brokers: [process.env.KAFKA_BROKER ?? 'localhost:9092'] });
const consumer = kafka.consumer({ groupId: process.env.GROUP_ID ?? 'notification-service' });
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void consumer.disconnect());

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
