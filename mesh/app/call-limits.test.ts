import { createChannel, createClient } from 'nice-grpc';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EchoDefinition, type EchoHandlers, echoService } from '../server/testing/echo-service.ts';
import { eventually } from '../testing/eventually.ts';
import { startMesh } from '../testing/start-mesh.ts';
import { testService } from '../testing/test-service.ts';

/** Starts a service whose handlers wait until the test ends. Each client has a connection of its own. */
async function startWaiting(environment: Record<string, string>) {
  const end = Promise.withResolvers<void>();
  let running = 0;
  const one: EchoHandlers['one'] = async (request) => {
    running += 1;
    await end.promise;
    return request;
  };
  const definition = testService('echo', async () => ({ serves: [echoService({ one })] }));
  const mesh = await startMesh([definition], environment);
  onTestFinished(async () => {
    end.resolve();
    await mesh.stop();
  });
  const connect = () => {
    const channel = createChannel(mesh.address, undefined, { 'grpc.use_local_subchannel_pool': 1 });
    onTestFinished(() => channel.close());
    return createClient(EchoDefinition, channel);
  };
  return { connect, running: () => running };
}

describe('the limits of calls', () => {
  it('give a service an eighth of GRPC_MAX_RUNNING_CALLS, and one connection half of that', async () => {
    const { connect, running } = await startWaiting({ GRPC_MAX_RUNNING_CALLS: '32' });
    const call = (client: ReturnType<typeof connect>) => {
      for (let count = 0; count < 5; count += 1) client.one({}).catch(() => undefined);
    };
    call(connect());
    await eventually(() => expect(running()).toBe(2));
    call(connect());
    await eventually(() => expect(running()).toBe(4));
    call(connect());
    await expect(eventually(() => expect(running()).toBeGreaterThan(4), { timeoutMs: 300 })).rejects.toThrow();
  });

  it('let a quarter of GRPC_MAX_WAITING_BYTES wait for one connection', async () => {
    const { connect, running } = await startWaiting({
      GRPC_MAX_RUNNING_CALLS: '16',
      GRPC_MAX_WAITING_BYTES: `${4 * 1024 * 1024}`,
    });
    const client = connect();
    client.one({}).catch(() => undefined);
    await eventually(() => expect(running()).toBe(1));
    const large = { name: 'x'.repeat(600_000) };
    const calls = [1, 2, 3].map(() => client.one(large));
    for (const call of calls) call.catch(() => undefined);
    await expect(Promise.race(calls)).rejects.toMatchObject({ details: expect.stringContaining('overloaded') });
  });
});
