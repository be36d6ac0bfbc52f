import amqp, { type Options } from 'amqplib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { type RabbitmqServer, rabbitmq, startRabbitmq } from '../../mesh/testing/servers/rabbitmq-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';

describeWithServer(rabbitmq, 'the examples for RabbitMQ', () => {
  let server: RabbitmqServer;
  beforeAll(async () => {
    server = await startRabbitmq();
  }, 60_000);
  afterAll(() => server.stop());

  const runExample = (name: string, ...args: string[]) =>
    spawnProcess({ main: `examples/${name}.ts`, args, dataDir: '', environment: { RABBITMQ_URL: server.url } });

  /** Replaces the queue by one that its owner declared so. */
  async function declareAsOwner(options: Options.AssertQueue | undefined): Promise<void> {
    const connection = await amqp.connect(server.url);
    const channel = await connection.createChannel();
    await channel.deleteQueue('email-jobs');
    if (options) await channel.assertQueue('email-jobs', options);
    await connection.close();
  }

  it.each<[string, Options.AssertQueue | undefined]>([
    ['is missing', undefined],
    ['is a quorum queue', { durable: true, arguments: { 'x-queue-type': 'quorum' } }],
    ['has a maximum length', { durable: true, maxLength: 100 }],
  ])('publish and work if the queue %s', async (_title, options) => {
    await declareAsOwner(options);
    await using publisher = runExample('rabbitmq-publisher', 'ada@example.com');
    expect(await publisher.ended, publisher.stderr()).toEqual({ code: 0, signal: null });
    await using worker = runExample('rabbitmq-worker');
    await eventually(() => expect(worker.stdout(), worker.stderr()).toContain('sent welcome to ada@example.com'));
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toEqual({ code: 0, signal: null });
  });
});
