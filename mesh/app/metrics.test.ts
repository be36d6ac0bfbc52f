import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../config/config.ts';
import { infrastructureContract } from '../server/serve.ts';
import { EchoDefinition, type EchoHandlers, echoService } from '../server/testing/echo-service.ts';
import { captureLog } from '../testing/captured-log.ts';
import { startMesh } from '../testing/start-mesh.ts';
import { tempFolder } from '../testing/temp-folder.ts';
import { testService } from '../testing/test-service.ts';
import { startApp } from './start-app.ts';

const free = { METRICS_LISTEN: '127.0.0.1:0' };

async function scrape(address: string | undefined): Promise<string> {
  return (await fetch(`http://${address}/metrics`)).text();
}

describe('the metrics of a process', () => {
  it('are served on METRICS_LISTEN, with the version and the start time of the process', async () => {
    const mesh = await startMesh([], free);
    const text = await scrape(mesh.metricsAddress);
    await mesh.stop();
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(text).toContain(`\nordermesh_build_info{version="${version}"} 1\n`);
    const startSeconds = Number(/^ordermesh_process_start_time_seconds (\S+)$/m.exec(text)?.[1]);
    const nowSeconds = Date.now() / 1000;
    expect(startSeconds).toBeGreaterThan(nowSeconds - process.uptime() - 1);
    expect(startSeconds).toBeLessThan(nowSeconds);
  });

  it('show what the process uses of the processor and of its event loop', async () => {
    const mesh = await startMesh([], free);
    const read = async () => {
      const text = await scrape(mesh.metricsAddress);
      const secondsOf = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
      return ['ordermesh_process_cpu_seconds_total', 'ordermesh_event_loop_busy_seconds_total'].map(secondsOf);
    };
    const [cpu = 0, loop = 0] = await read();
    const [untilMs, before] = [performance.now() + 200, process.cpuUsage()];
    const isTooLittle = () => performance.now() < untilMs || process.cpuUsage(before).user < 100_000;
    // Other programs may have the processor for most of the time.
    while (isTooLittle()) createHash('sha256').update('busy').digest();
    const [cpuLater = 0, loopLater = 0] = await read();
    await mesh.stop();
    expect(cpuLater - cpu).toBeGreaterThan(0.05);
    expect(loopLater - loop).toBeGreaterThan(0.19);
    expect(cpuLater).toBeLessThan(process.uptime() * 16);
    expect(loopLater).toBeLessThan(process.uptime());
  });

  it('include those of services, and are served until the last call has ended', async () => {
    let address: string | undefined;
    const called = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    const one: EchoHandlers['one'] = async () => {
      called.resolve();
      await stopped.promise;
      return { name: await scrape(address) };
    };
    const store = testService('store', async ({ metrics }) => {
      metrics.gauge('ordermesh_shelves', 'Shelves.', ['service']).set({ service: 'store' }, 3);
      return { serves: [echoService({ one })], stop: async () => stopped.resolve() };
    });
    const mesh = await startMesh([store], free);
    address = mesh.metricsAddress;
    const call = mesh.runtime.client(infrastructureContract(EchoDefinition)).one({});
    await called.promise;
    await mesh.stop();
    expect((await call).name).toContain('\nordermesh_shelves{service="store"} 3\n');
    await expect(scrape(address)).rejects.toThrow();
  });

  it('are not served by default', async () => {
    const mesh = await startMesh([]);
    expect(mesh.metricsAddress).toBeUndefined();
    await mesh.stop();
  });

  it('keep the process from starting when their port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = `127.0.0.1:${(taken.address() as AddressInfo).port}`;
    const start = startMesh([], { METRICS_LISTEN: address });
    await expect(start).rejects.toMatchObject({
      reason: 'ADDRESS_IN_USE',
      message: expect.stringContaining(`${address}: process ${process.pid} `),
    });
    taken.close();
  });

  it('cause a warning when other machines can read them', async () => {
    const { logger, lines } = captureLog({ level: 'warn' });
    await using folder = await tempFolder();
    const listen = { GRPC_LISTEN: '127.0.0.1:0', METRICS_LISTEN: '0.0.0.0:0', ALLOW_INSECURE: '1' };
    const app = await startApp(readConfig({ ...listen, DATA_DIR: folder.path }), [], logger);
    await app.stop();
    expect(app.metricsAddress).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    const listeners = ['METRICS_LISTEN=0.0.0.0:0 without TLS and client certificates'];
    expect(lines).toMatchObject([{ listeners, msg: expect.stringContaining('private network') }]);
  });
});
