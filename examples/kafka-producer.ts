import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { compress, uncompress } from 'snappy';

// A producer that knows nothing of ordermesh but a topic: plain JSON and no header. The notification service takes
// the event for one of an order, and mails the user, who has to be there: node examples/kafka-producer.ts <user id>

const { Kafka, CompressionCodecs, CompressionTypes } = kafkajs;
// kafkajs brings gzip alone: Snappy has to be given to it.
CompressionCodecs[CompressionTypes.Snappy] = () => ({
  compress: ({ buffer }: { readonly buffer: Buffer }) => compress(buffer),
  decompress: uncompress,
});

const [userId = 'ada'] = process.argv.slice(2);
const order = { id: randomUUID(), userId, total: 1500 };

const kafka = new Kafka({ clientId: 'order-service', brokers: [process.env.KAFKA_BROKER ?? 'localhost:9092'] });
const producer = kafka.producer({ idempotent: true });
await producer.connect();
await producer.send({
  topic: 'order.events',
  compression: CompressionTypes.Snappy,
  messages: [
    {
      // The same order, the same partition: so events of an order keep their order.
      key: order.id,
      value: JSON.stringify({
        type: 'ORDER_PLACED',
        orderId: order.id,
        userId: order.userId,
        total: order.total,
        timestamp: new Date().toISOString(),
      }),
    },
  ],
});
console.log(`published ORDER_PLACED of ${order.id}`);
await producer.disconnect();
