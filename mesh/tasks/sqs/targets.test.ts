import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createServer } from 'node:tls';
import { Status } from 'nice-grpc-common';
import { beforeAll, expect, it } from 'vitest';
import { createTestCa, type TestCa } from '../../testing/certificates.ts';
import { eventually } from '../../testing/eventually.ts';
import { newTask } from '../suite/fixture.ts';
import { describeSqsTasks } from '../testing/sqs-tasks.ts';

const slowly = { timeoutMs: 25_000, intervalMs: 100 };
/** ElasticMQ's own. */
const account = '000000000000';

describeSqsTasks('what TASKS_URL of SQS names', ({ client, defer, newQueue, open, server, url }) => {
  let ca: TestCa;
  beforeAll(async () => {
    ca = await createTestCa();
  });

  /** Starts a TLS server that passes everything to ElasticMQ, which has no TLS. Returns its port. */
  async function startTls(): Promise<number> {
    const { cert, key } = await ca.sign('localhost');
    const tls = createServer({ cert, key }, (near) => {
      const far = connect(server().port, '127.0.0.1');
      const end = () => {
        near.destroy();
        far.destroy();
      };
      near.on('error', end).on('close', end).pipe(far).on('error', end).on('close', end).pipe(near);
    });
    tls.on('tlsClientError', () => undefined);
    await once(tls.listen(0, '127.0.0.1'), 'listening');
    defer(async () => void tls.close());
    return (tls.address() as AddressInfo).port;
  }

  it('may be a server with TLS, which is checked by TASKS_CA_FILE', async () => {
    const queue = newQueue();
    const tasks = await open(`sqs://elasticmq?endpoint=https://localhost:${await startTls()}`, {
      trust: { ca: ca.cert },
    });
    await tasks.enqueue(queue, [newTask('a')]);
    const done: string[] = [];
    await tasks.work({ queue, handle: async ({ id }) => void done.push(id) });
    await eventually(() => expect(done).toEqual(['a']), slowly);
  });

  it('is refused as a server with TLS that is not certified, or has another name, with what to do', async () => {
    const port = await startTls();
    const unknown = await open(`sqs://elasticmq?endpoint=https://localhost:${port}`);
    await expect(unknown.enqueue(newQueue(), [newTask('a')])).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
      reason: 'TASKS_MISCONFIGURED',
      message: expect.stringContaining('set TASKS_CA_FILE to the authority that signed its certificate'),
    });
    const misnamed = await open(`sqs://elasticmq?endpoint=https://127.0.0.1:${port}`, { trust: { ca: ca.cert } });
    await expect(misnamed.enqueue(newQueue(), [newTask('a')])).rejects.toMatchObject({
      reason: 'TASKS_MISCONFIGURED',
      message: expect.stringContaining('connect to a name that is in its certificate'),
    });
  });

  it('is refused if it has the wrong scheme, with what to do', async () => {
    const noTls = await open(`sqs://elasticmq?endpoint=https://127.0.0.1:${server().port}`);
    await expect(noTls.enqueue(newQueue(), [newTask('a')])).rejects.toMatchObject({
      reason: 'TASKS_MISCONFIGURED',
      message: expect.stringContaining('connect without TLS if it does not use TLS there'),
    });
    const plain = await open(`sqs://elasticmq?endpoint=http://localhost:${await startTls()}`);
    await expect(plain.enqueue(newQueue(), [newTask('a')])).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
      reason: 'TASKS_UNAVAILABLE',
      message: expect.stringContaining('check that it can from here, and that an endpoint with TLS is https://'),
    });
  });

  it('may be queues of an account, which has to have them', async () => {
    const queue = newQueue();
    const tasks = await open(url(`&account=${account}`));
    await expect(tasks.enqueue(queue, [newTask('a')])).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
      reason: 'TASKS_MISCONFIGURED',
      message: expect.stringContaining(`queue ${queue} does not exist in account ${account}: create it there`),
    });
    await client().createQueue({ QueueName: queue });
    await tasks.enqueue(queue, [newTask('a')]);
    const done: string[] = [];
    await tasks.work({ queue, handle: async ({ id }) => void done.push(id) });
    await eventually(() => expect(done).toEqual(['a']), slowly);
    await tasks.check();
  });

  it('takes a delay of more than 15 minutes', async () => {
    const queue = newQueue();
    const tasks = await open();
    await tasks.work({ queue, retryDelaysMs: [3_600_000], handle: () => Promise.reject(new Error('not now')) });
    await tasks.enqueue(queue, [newTask('a')]);
    await eventually(
      async () => expect(await tasks.count(queue)).toEqual({ ready: 0, running: 0, delayed: 1 }),
      slowly,
    );
  });
});
