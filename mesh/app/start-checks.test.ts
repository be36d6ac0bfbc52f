import cluster from 'node:cluster';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../testing/servers/free-port.ts';
import { checkListen } from './start-checks.ts';

/** Starts a worker; resolves when it is done with what it has to do. */
async function work(address: string, role: 'serve' | 'check'): Promise<void> {
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({
    exec: fileURLToPath(new URL('./testing/cluster-worker.ts', import.meta.url)),
    execArgv: [],
    args: [address, role, `${await freePort()}`],
  });
  const worker = cluster.fork();
  onTestFinished(() => void worker.process.kill('SIGKILL'));
  expect(await once(worker, 'message')).toContain('done');
}

describe('the check whether a process can listen', () => {
  it('takes no connection from another process that has the same socket', async () => {
    const port = await freePort();
    await work(`127.0.0.1:${port}`, 'serve');
    let isChecking = true;
    const checked = work(`127.0.0.1:${port}`, 'check').finally(() => {
      isChecking = false;
    });
    const answers = new Set<string>();
    const callUntilChecked = async () => {
      while (isChecking) answers.add(await text(connect(port, '127.0.0.1')).catch((error) => error.code));
    };
    await Promise.all([checked, ...Array.from({ length: 10 }, callUntilChecked)]);
    expect([...answers]).toEqual(['served']);
  });

  it('rejects if another process listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const settings = { grpcListen: `127.0.0.1:${port}`, httpListen: '', metricsListen: '' };
    await expect(checkListen(settings, false)).rejects.toMatchObject({ reason: 'ADDRESS_IN_USE' });
  });
});
