import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { compress, uncompress } from 'snappy';
import { useBroker } from './support/broker.ts';

// A producer that knows only a topic: it publishes plain JSON without headers. The notification service treats it as an
// order's event and mails the user, who must exist; the report service skips it, because it has no items.
// Usage: node examples/kafka-producer.ts <user id>

const { Kafka, CompressionCodecs, CompressionTypes, logLevel } = kafkajs;
// kafkajs supports only gzip by itself.
CompressionCodecs[CompressionTypes.Snappy] = () => ({
  compress: ({ buffer }: { readonly buffer: Buffer }) => compress(buffer),
  decompress: uncompress,
});

const [userId = 'ada'] = process.argv.slice(2);
const order = { id: randomUUID(), userId, total: 1500 };

const broker = useBroker('KAFKA_BROKER');
// What fails is thrown: kafkajs would log it as well, several times.
const kafka = new Kafka({ clientId: 'order-service', brokers: [broker], logLevel: logLevel.NOTHING });
const producer = kafka.producer({ idempotent: true });
await producer.connect();
await producer.send({
  topic: 'order.events',
  compression: CompressionTypes.Snappy,
  messages: [
    {
      // Events with the same key go to the same partition, so they stay in order.
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
