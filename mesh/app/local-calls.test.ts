import dns from 'node:dns';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { infrastructureContract } from '../server/serve.ts';
import { EchoDefinition, echoService } from '../server/testing/echo-service.ts';
import { startMesh } from '../testing/start-mesh.ts';
import { testService } from '../testing/test-service.ts';

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
