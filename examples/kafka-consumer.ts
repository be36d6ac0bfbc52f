import { Kafka } from 'kafkajs';

// A consumer that knows nothing of ordermesh but a topic: it reads what the order service publishes as plain JSON. Beside
// our notification service, whose group has the same name, each gets a part of the events: GROUP_ID gives it one of its own.

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
  console.log(`a mail to ${userId}: we have your order ${orderId}`);
}
