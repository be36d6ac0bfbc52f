import { describe, expect, it, onTestFinished } from 'vitest';
import { ConfigError } from '../../mesh/config/config.ts';
import { badAnswers, type ReceivedRequest, startRegistryServer } from '../../mesh/discovery/testing/registry-server.ts';
import { echoService } from '../../mesh/server/testing/echo-service.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { testService } from '../../mesh/testing/test-service.ts';
import { notServing } from '../support/health-of.ts';

const echo = testService('echo', async () => ({ serves: [echoService()] }));

function accept({ response }: ReceivedRequest): void {
  response.writeHead(204).end();
}

/** A server in the place of Eureka that accepts everything, unless `answer` does otherwise. */
async function startEurekaFake(answer: (request: ReceivedRequest) => void | Promise<void> = accept) {
  const fake = await startRegistryServer(answer);
  onTestFinished(() => fake[Symbol.asyncDispose]());
  const methods = () => fake.requests.map(({ method, path }) => `${method} ${path}`);
  return { fake, methods, url: `eureka://${fake.address}` };
}

/** What the process at this address does not serve; `unreachable` if it does not accept calls. */
const stateOf = (address: string) =>
  notServing(address).then(
    (names) => names.join(),
    () => 'unreachable',
  );

describe('a process and its registry', () => {
  it('registers once it serves, drains there while it still serves, and is removed at its end', async () => {
    let address = '';
    const states: string[] = [];
    const { methods, url } = await startEurekaFake(async (request) => {
      const { method, path, body } = request;
      if (method === 'POST') address = addressIn(body);
      if (address !== '') states.push(`${method} ${path}: ${await stateOf(address)}`);
      accept(request);
    });
    // It waits for the registry at most a tenth of this: the answer of the fake takes a call.
    const mesh = await startMesh([echo], { DISCOVERY_URL: url, DRAIN_TIMEOUT_MS: '10000' });
    await eventually(() => expect(methods()).toContain('POST /eureka/apps/TEST'));
    expect(address).toBe(mesh.address);
    await mesh.stop();
    const id = `/eureka/apps/TEST/test:${address}`;
    expect(states).toEqual([`POST /eureka/apps/TEST: `, `PUT ${id}/status: `, `DELETE ${id}: unreachable`]);
  });

  it('registers the address of GRPC_ADVERTISE, with the port of the listener for port 0', async () => {
    const { fake, url } = await startEurekaFake();
    const mesh = await startMesh([echo], { DISCOVERY_URL: url, GRPC_ADVERTISE: 'order-1.internal:0' });
    onTestFinished(() => mesh.stop());
    const [, port] = mesh.address.split(':');
    await eventually(() => {
      const [entry] = fake.requests.filter(({ method }) => method === 'POST');
      expect(addressIn(entry?.body)).toBe(`order-1.internal:${port}`);
    });
  });

  it('starts and drains in time with a registry that does not answer', async () => {
    const { fake, url } = await startEurekaFake(() => undefined);
    const mesh = await startMesh([echo], { DISCOVERY_URL: url, DRAIN_TIMEOUT_MS: '10000' });
    await eventually(() => expect(fake.requests.length).toBeGreaterThan(0));
    const startMs = performance.now();
    await mesh.stop();
    // It waits for the registry a tenth of that at most.
    expect(performance.now() - startMs).toBeLessThan(6_000);
  });

  it('starts while the registry is away, and registers when it is back', async () => {
    const { fake, methods, url } = await startEurekaFake(badAnswers['hangs up']);
    const mesh = await startMesh([echo], { DISCOVERY_URL: url });
    onTestFinished(() => mesh.stop());
    await eventually(() => expect(methods().length).toBeGreaterThan(1));
    fake.answerWith(accept);
    await eventually(() => expect(methods()).toContain('POST /eureka/apps/TEST'));
  });

  it.each(['127.0.0.1:0', '0.0.0.0:0'])(
    'refuses to enter %s into a registry on another machine, without GRPC_ADVERTISE',
    async (listen) => {
      const settings = { DISCOVERY_URL: 'eureka://registry.internal:8761', GRPC_LISTEN: listen, ALLOW_INSECURE: '1' };
      const starting = startMesh([echo], settings);
      await expect(starting).rejects.toThrow(ConfigError);
      await expect(starting).rejects.toThrow(/^GRPC_ADVERTISE must be .* registry\.internal:8761: set it to/);
    },
  );

  it('needs no GRPC_ADVERTISE and no entry if it serves nothing that others could find', async () => {
    const gateway = testService('gateway', async () => ({ serves: [] }));
    const exposed = { GRPC_LISTEN: '0.0.0.0:0', ALLOW_INSECURE: '1' };
    const elsewhere = { DISCOVERY_URL: 'eureka://registry.internal:8761', ...exposed };
    await (await startMesh([gateway], elsewhere)).stop();
    const { methods, url } = await startEurekaFake();
    await (await startMesh([gateway], { DISCOVERY_URL: url })).stop();
    expect(methods()).toEqual([]);
  });
});

function addressIn(body: unknown): string {
  const { instance } = body as { instance: { hostName: string; metadata: { grpcPort: string } } };
  return `${instance.hostName}:${instance.metadata.grpcPort}`;
}
