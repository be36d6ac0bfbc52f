import cluster from 'node:cluster';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { freePort } from '../testing/servers/free-port.ts';
import { startMesh } from '../testing/start-mesh.ts';
import { checkCallers, checkDistinctListeners, checkListen } from './start-checks.ts';

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

describe('the addresses of a process', () => {
  const check = (grpcListen: string, httpListen: string, metricsListen = '', hasEdge = true) =>
    checkDistinctListeners({ grpcListen, httpListen, metricsListen }, hasEdge);

  it.each([
    ['127.0.0.1:7000', '127.0.0.1:7000', '', 'HTTP_LISTEN is 127.0.0.1:7000, which GRPC_LISTEN=127.0.0.1:7000 has'],
    ['0.0.0.0:7000', '127.0.0.1:7000', '', 'HTTP_LISTEN is 127.0.0.1:7000, which GRPC_LISTEN=0.0.0.0:7000 has'],
    ['127.0.0.1:7000', '', '[::]:7000', 'METRICS_LISTEN is [::]:7000, which GRPC_LISTEN=127.0.0.1:7000 has'],
    ['127.0.0.1:1', '127.0.0.1:7', '127.0.0.1:7', 'METRICS_LISTEN is 127.0.0.1:7, which HTTP_LISTEN=127.0.0.1:7 has'],
  ])('are refused if %s, %s and %s collide', (grpc, http, metrics, problem) => {
    expect(() => check(grpc, http, metrics)).toThrow(problem);
  });

  it('may be free ones, of several hosts, and that of an edge that it does not have', () => {
    expect(() => check('127.0.0.1:0', '127.0.0.1:0', '127.0.0.1:0')).not.toThrow();
    expect(() => check('127.0.0.1:7000', '127.0.0.2:7000')).not.toThrow();
    expect(() => check('127.0.0.1:7000', '127.0.0.1:7000', '', false)).not.toThrow();
  });

  it('are compared before anything listens', async () => {
    const listen = '127.0.0.1:1';
    const start = startMesh([], { GRPC_LISTEN: listen, METRICS_LISTEN: listen });
    await expect(start).rejects.toThrow('METRICS_LISTEN is 127.0.0.1:1, which GRPC_LISTEN=127.0.0.1:1 has');
  });
});

describe('services that call others outside of their process', () => {
  const definitions = ['order', 'report', 'ops'].map((name) => ({ name, observesProcess: name === 'ops' }));
  const services = [{ name: 'customers', serves: [{ contract: UserServiceContract, handlers: {} }] }];
  const check = (ownService: string | undefined, ...callers: string[]) =>
    checkCallers({ callers: () => new Set(callers) }, { ownService, definitions, services });

  it.each([
    ['gateway', ['report', 'order', 'ops'], 'the certificate of gateway, with which calls of order, report to other'],
    ['report', ['order', 'report'], 'the certificate of report, with which calls of order to other processes'],
    ['mesh', ['order'], 'the certificate of mesh, with which calls of order to other processes are refused'],
    ['user', ['customers', 'order'], 'the certificate of user, with which calls of order to other processes'],
    [undefined, ['order'], 'a certificate that names no service, with which calls of order to other processes'],
  ])('are refused with the certificate of %s if they are %j', (ownService, callers, problem) => {
    expect(() => check(ownService, ...callers)).toThrow(`TLS_CERT has ${problem}`);
  });

  it('may be there with their own, or if they call for operators', () => {
    expect(() => check('order', 'order')).not.toThrow();
    // It is another name than that of discovery.
    expect(() => check('user', 'customers')).not.toThrow();
    expect(() => check('gateway', 'ops')).not.toThrow();
    expect(() => check('gateway')).not.toThrow();
    expect(() => check(undefined)).not.toThrow();
  });
});

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
