// Runs in a container next to the mesh: calls what the reference calls, by its names and ports.
import { Client, credentials } from '@grpc/grpc-js';
import amqp from 'amqplib';
import axios from 'axios';
import { Kafka, logLevel } from 'kafkajs';

const client = new Client('user-service:50051', credentials.createInsecure());
await new Promise((resolve, reject) => {
  const bytes = (value) => value;
  const path = '/grpc.health.v1.Health/Check';
  client.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(0), { deadline: Date.now() + 10_000 }, (error, reply) =>
    error ? reject(error) : resolve(reply),
  );
});
console.log('user-service:50051');
client.close();

const { data } = await axios.get('http://order-service:8080/api/orders', { params: { limit: 1 }, timeout: 10_000 });
if (data === undefined) throw new Error('order-service:8080 has no answer');
console.log('order-service:8080');

const kafka = new Kafka({ clientId: 'order-service', brokers: ['kafka:9092'], logLevel: logLevel.NOTHING });
const producer = kafka.producer();
await producer.connect();
const value = JSON.stringify({ type: 'reference.checked.v1', id: '1' });
await producer.send({ topic: 'order.events', messages: [{ key: 'reference', value }] });
await producer.disconnect();
console.log('kafka:9092');

const connection = await amqp.connect('amqp://rabbitmq:5672');
await connection.close();
console.log('rabbitmq:5672');
