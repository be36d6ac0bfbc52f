import dns from 'node:dns';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { infrastructureContract } from '../server/serve.ts';
import { EchoDefinition, type EchoHandlers, echoService } from '../server/testing/echo-service.ts';
import { startGuardedMesh } from '../testing/start-guarded-mesh.ts';
import { startMesh } from '../testing/start-mesh.ts';
import { testService } from '../testing/test-service.ts';
import type { ServiceDefinition } from './service/service.ts';

it('calls of a process to itself go where it listens, also if its name then leads elsewhere', async () => {
  const store = testService('store', async () => ({ serves: [echoService({ one: async () => ({ name: 'own' }) })] }));
  const mesh = await startMesh([store], { GRPC_LISTEN: 'localhost:0' });
  onTestFinished(() => mesh.stop());
  const port = Number(mesh.address.split(':').at(-1));
  const calls: string[] = [];
  // It listens at the same port, as somebody else on the machine may.
  const stranger = createServer((socket) => {
    calls.push(socket.localAddress ?? '');
    socket.destroy();
  });
  stranger.listen(port, '127.0.0.3');
  await once(stranger, 'listening');
  onTestFinished(() => void stranger.close());
  const found = (_host: string, { all }: dns.LookupOptions, done: (...found: unknown[]) => void) =>
    all ? done(null, [{ address: '127.0.0.3', family: 4 }]) : done(null, '127.0.0.3', 4);
  const lookup = vi.spyOn(dns, 'lookup').mockImplementation(found as typeof dns.lookup);
  onTestFinished(() => lookup.mockRestore());
  const client = mesh.runtime.client(infrastructureContract(EchoDefinition));
  expect(await client.one({})).toMatchObject({ name: 'own' });
  expect(calls).toEqual([]);
});

it('services of a process call each other by the names that their certificates would have', async () => {
  const contract = infrastructureContract(EchoDefinition);
  const callers: (string | undefined)[] = [];
  const one: EchoHandlers['one'] = async (_, { caller }) => {
    callers.push(caller?.service);
    return {};
  };
  const store = testService('store', async () => ({
    serves: [echoService({ one }, { access: { services: ['events', 'plain'] } })],
  }));
  const calls: (() => Promise<unknown>)[] = [];
  const calling = (name: string, discoveryName?: string): ServiceDefinition => ({
    ...testService(name, async ({ client }) => {
      const echo = client(contract);
      calls.push(() => echo.one({}));
      return {};
    }),
    ...(discoveryName !== undefined && { discoveryName }),
  });
  const mesh = await startGuardedMesh([store, calling('bridge', 'events'), calling('plain'), calling('bridge')]);
  onTestFinished(() => mesh.stop());
  const [asEvents, asPlain, asBridge] = calls;
  await asEvents?.();
  await asPlain?.();
  await expect(asBridge?.()).rejects.toMatchObject({ reason: 'PERMISSION_DENIED' });
  expect(callers).toEqual(['events', 'plain']);
});
