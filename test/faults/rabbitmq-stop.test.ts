import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { type RabbitmqServer, rabbitmq, startRabbitmq } from '../../mesh/testing/servers/rabbitmq-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { type StartedProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { bookOrder, fillShop, shopOf } from '../support/shop.ts';

const drainTimeoutMs = 3_000;
/** Drain timeout, plus a margin for a busy machine. */
const endMs = drainTimeoutMs + 7_000;

describeWithServer(rabbitmq, 'a process whose RabbitMQ is stuck', () => {
  let broker: RabbitmqServer;

  beforeAll(async () => {
    broker = await startRabbitmq();
  }, 60_000);
  afterAll(() => broker.stop());

  const start = async (dataDir: string): Promise<StartedProcess> => {
    const environment = {
      TASKS_URL: broker.url,
      DRAIN_TIMEOUT_MS: `${drainTimeoutMs}`,
      MAIL_URL: 'smtp://127.0.0.1:1',
    };
    const process = await startProcess({ dataDir, environment });
    const shop = shopOf(process);
    await fillShop(shop);
    return process;
  };
  /** Places orders whose mails cannot be sent and wait in every stage. */
  const order = async (process: StartedProcess, count: number) => {
    const { orders } = shopOf(process);
    for (let placed = 0; placed < count; placed += 1) {
      await orders.placeOrder({ ...bookOrder({ quantity: 1 }), requestId: randomUUID() });
    }
  };
  const endsInTime = async (process: StartedProcess) => {
    const startMs = performance.now();
    const ending = await process.stop();
    expect(performance.now() - startMs).toBeLessThan(endMs);
    expect(ending).toEqual({ code: 0, signal: null });
  };

  it('exits within its drain timeout if the broker hangs', async () => {
    await using folder = await tempFolder();
    await using process = await start(folder.path);
    await order(process, 5);
    const resume = broker.hang();
    try {
      await order(process, 3);
      await endsInTime(process);
    } finally {
      resume();
    }
  }, 90_000);

  it('exits within its drain timeout if the broker has an alarm', async () => {
    await using folder = await tempFolder();
    await using process = await start(folder.path);
    await order(process, 5);
    const end = await broker.raiseAlarm();
    try {
      await order(process, 3);
      await eventually(() => expect(process.stderr() + process.stdout()).toContain('RabbitMQ is blocked by an alarm'));
      await endsInTime(process);
    } finally {
      await end();
    }
  }, 90_000);
});
