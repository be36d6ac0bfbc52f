import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { createChannel, createClient } from 'nice-grpc';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  HealthDefinition,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../gen/ts/grpc/health/v1/health.ts';
import { EchoDefinition, echoService } from '../server/testing/echo-service.ts';
import { captureLog } from '../testing/captured-log.ts';
import { freePort } from '../testing/servers/free-port.ts';
import { startMesh } from '../testing/start-mesh.ts';
import { defineService } from './service/define-service.ts';

const own = defineService({ name: 'own', isLocal: true, setup: () => ({ serves: [echoService()] }) });
const forwarding = defineService({ name: 'forwarding', setup: () => ({ serves: [], forwards: () => undefined }) });

describe('HTTP_LISTEN', () => {
  it('causes a warning in a process without the edge, so it is ignored', async () => {
    const { logger, lines } = captureLog({ level: 'warn' });
    const mesh = await startMesh([own], { HTTP_LISTEN: '127.0.0.1:0' }, logger);
    await mesh.stop();
    expect(lines).toMatchObject([{ listen: '127.0.0.1:0', msg: expect.stringContaining('HTTP_LISTEN is ignored') }]);
    expect(mesh.httpAddress).toBeUndefined();
  });

  it('causes no warning there if it is what the image sets, whichever services a container runs', async () => {
    const [, listen = ''] = /\bHTTP_LISTEN=(\S+)/.exec(await readFile('deploy/Dockerfile', 'utf8')) ?? [];
    expect(listen).toMatch(/^0\.0\.0\.0:/);
    const { logger, lines } = captureLog({ level: 'warn' });
    const mesh = await startMesh([own], { HTTP_LISTEN: listen, ALLOW_INSECURE: '1' }, logger);
    await mesh.stop();
    expect(lines.filter(({ listen }) => listen !== undefined)).toEqual([]);
  });
});

describe('OPS_LISTEN', () => {
  it('has the health of what a process that forwards calls answers about itself', async () => {
    const listen = `127.0.0.1:${await freePort()}`;
    const mesh = await startMesh([forwarding, own], { OPS_LISTEN: listen, GRPC_ENGINE: 'native' });
    onTestFinished(() => mesh.stop());
    const channel = createChannel(listen);
    onTestFinished(() => channel.close());
    const health = createClient(HealthDefinition, channel);
    for (const service of ['', EchoDefinition.fullName])
      expect(await health.check({ service })).toEqual({ status: ServingStatus.SERVING });
  });

  it('is named if it is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const listen = `127.0.0.1:${(taken.address() as AddressInfo).port}`;
    const start = startMesh([forwarding, own], { OPS_LISTEN: listen, GRPC_ENGINE: 'native' });
    await expect(start).rejects.toMatchObject({
      reason: 'ADDRESS_IN_USE',
      message: expect.stringContaining(`OPS_LISTEN=${listen}: process ${process.pid} `),
    });
  });

  it('causes a warning where no calls are forwarded, so it is ignored', async () => {
    const { logger, lines } = captureLog({ level: 'warn' });
    const listen = `127.0.0.1:${await freePort()}`;
    const mesh = await startMesh([own], { OPS_LISTEN: listen }, logger);
    await mesh.stop();
    expect(lines).toMatchObject([{ listen, msg: expect.stringContaining('OPS_LISTEN is ignored') }]);
  });
});
