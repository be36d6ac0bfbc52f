import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parseDiscoveryUrl } from '../../config/discovery-url.ts';
import { eventually } from '../../testing/eventually.ts';
import { type EurekaServer, eureka, startEureka } from '../../testing/servers/eureka.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { openDiscovery } from '../open-discovery.ts';
import { testScenarios } from '../suite/scenarios.suite.ts';
import { answerJson, badAnswers, startRegistryServer } from '../testing/registry-server.ts';
import { testParts, watchService } from '../testing/watch-service.ts';

/** Opens the discovery of a URL until the test ends. */
function open(text: string) {
  const url = parseDiscoveryUrl(text) ?? expect.fail(`${text} is not valid`);
  const { parts, warnings } = testParts();
  const discovery = openDiscovery(url, parts);
  onTestFinished(() => discovery.close());
  return { discovery, warnings };
}

const selfAt = (address: string) => ({
  services: ['user', 'order'],
  address,
  instance: address,
  version: '1.2.3',
});

describeWithServer(eureka, 'Eureka', () => {
  let server: EurekaServer;
  const ask = (path: string, method = 'GET') =>
    fetch(`http://${server.address}/eureka${path}`, { method, headers: { accept: 'application/json' } });
  const overrideStatus = async (address: string, method: 'PUT' | 'DELETE', status: string) =>
    expect((await ask(`/apps/USER/user:${address}/status?value=${status}`, method)).status).toBe(200);
  const openHere = () => open(`eureka://${server.address}?fetch_ms=500&renew_ms=1000`);

  beforeAll(async () => {
    server = await startEureka();
  }, 180_000);
  afterAll(() => server?.[Symbol.asyncDispose]());

  it('lists each service of a process until that leaves', async () => {
    const { discovery, warnings } = openHere();
    const [users, orders] = [watchService(discovery, 'user'), watchService(discovery, 'order')];
    await eventually(() => expect(users()).toEqual([]));
    const registration = discovery.register?.(selfAt('10.0.0.1:50051'));
    const found = [{ address: '10.0.0.1:50051', state: 'ready', version: '1.2.3' }];
    await eventually(() => expect([users(), orders()]).toEqual([found, found]));
    await eventually(() => expect(discovery.names()).toEqual(expect.arrayContaining(['user', 'order'])));
    await registration?.leave(5_000);
    await discovery.close();
    expect((await ask('/apps/USER/user:10.0.0.1:50051')).status).toBe(404);
    expect(warnings()).toEqual([]);
  });

  it('shows a process that drains as draining until that closes its discovery', async () => {
    const [{ discovery }, process] = [openHere(), openHere()];
    const address = '10.0.0.5:50051';
    const users = watchService(discovery, 'user');
    const registration = process.discovery.register?.(selfAt(address));
    await eventually(() => expect(users()).toMatchObject([{ address, state: 'ready' }]));
    await registration?.leave(5_000);
    await eventually(() => expect(users()).toMatchObject([{ address, state: 'draining' }]));
    await process.discovery.close();
    expect((await ask(`/apps/USER/user:${address}`)).status).toBe(404);
    expect(process.warnings()).toEqual([]);
  });

  it('gets a lost entry again', async () => {
    const { discovery } = openHere();
    const registration = discovery.register?.(selfAt('10.0.0.2:50051'));
    const path = '/apps/ORDER/order:10.0.0.2:50051';
    await eventually(async () => expect((await ask(path)).status).toBe(200));
    expect((await ask(path, 'DELETE')).status).toBe(200);
    await eventually(async () => expect((await ask(path)).status).toBe(200));
    await registration?.leave(5_000);
  });

  it('shows an instance that an operator takes out of service as draining', async () => {
    const { discovery } = openHere();
    const address = '10.0.0.3:50051';
    const users = watchService(discovery, 'user');
    const registration = discovery.register?.(selfAt(address));
    await eventually(() => expect(users()).toMatchObject([{ address, state: 'ready' }]));
    await overrideStatus(address, 'PUT', 'OUT_OF_SERVICE');
    await eventually(() => expect(users()).toMatchObject([{ address, state: 'draining' }]));
    await overrideStatus(address, 'DELETE', 'UP');
    await eventually(() => expect(users()).toMatchObject([{ address, state: 'ready' }]));
    await registration?.leave(5_000);
  });

  it('lists a process whose predecessor at the same address ended out of service', async () => {
    const { discovery } = openHere();
    const address = '10.0.0.4:50051';
    const users = watchService(discovery, 'user');
    const first = open(`eureka://${server.address}?renew_ms=300000`).discovery.register?.(selfAt(address));
    await eventually(() => expect(users()).toMatchObject([{ address, state: 'ready' }]));
    await overrideStatus(address, 'PUT', 'OUT_OF_SERVICE');
    await eventually(() => expect(users()).toMatchObject([{ address, state: 'draining' }]));
    const registration = discovery.register?.(selfAt(address));
    await eventually(() => expect(users()).toMatchObject([{ address, state: 'ready' }]));
    await registration?.leave(5_000);
    await first?.leave(5_000);
  });

  describe('in the scenarios', () => {
    testScenarios({
      // With its start it is away for 30 s.
      awayMs: 22_000,
      startRegistry: async () => ({
        url: () => `eureka://${server.address}?fetch_ms=1000&renew_ms=2000`,
        kill: () => server.kill(),
        start: () => server.start(),
        [Symbol.asyncDispose]: async () => undefined,
      }),
    });
  });
});

describe('discovery by Eureka', () => {
  const instance = (port: number, fields: object = {}) => ({
    ipAddr: '10.0.0.1',
    status: 'UP',
    metadata: { grpcPort: `${port}` },
    ...fields,
  });
  const application = (...instances: readonly object[]) => ({ application: { name: 'USER', instance: instances } });

  async function startFake() {
    const fake = await startRegistryServer((request) => answerJson(request, application(instance(1))));
    onTestFinished(() => fake[Symbol.asyncDispose]());
    return fake;
  }

  it('reads the instances of Spring and others', async () => {
    const fake = await startFake();
    const spring = {
      hostName: 'user-1',
      port: { $: 8080, '@enabled': 'true' },
      metadata: { 'gRPC.port': '9090' },
    };
    fake.answerWith((request) =>
      answerJson(
        request,
        application(
          instance(1, { ipAddr: 'fd00::1' }),
          instance(2, { ipAddr: '', ...spring }),
          instance(3, { metadata: {}, port: { $: 50051 } }),
          instance(4, { status: 'STARTING' }),
          instance(5, { status: 'DOWN' }),
          instance(6, { hostName: undefined, ipAddr: undefined }),
        ),
      ),
    );
    const { discovery, warnings } = open(`eureka://ada:secret@${fake.address}`);
    const found = watchService(discovery, 'user');
    await eventually(() =>
      expect(found()).toEqual([
        { address: '10.0.0.1:50051', state: 'ready' },
        { address: '[fd00::1]:1', state: 'ready' },
        { address: 'user-1:9090', state: 'ready' },
      ]),
    );
    expect(fake.requests[0]?.headers.authorization).toBe(`Basic ${btoa('ada:secret')}`);
    expect(warnings()).toEqual(['registry has addresses that are not valid; ignoring them: correct their entries']);
  });

  it('asks the next server if one does not answer', async () => {
    const [first, second] = [await startFake(), await startFake()];
    first.answerWith(badAnswers['answers 500']);
    const { discovery, warnings } = open(`eureka://${first.address},${second.address}?fetch_ms=500`);
    const found = watchService(discovery, 'user');
    await eventually(() => expect(found()).toMatchObject([{ address: '10.0.0.1:1' }]));
    expect(warnings()).toEqual([]);
  });

  it('asks a server that answers for all services while the other one is dead', async () => {
    const [dead, alive] = [await startFake(), await startFake()];
    dead.answerWith(badAnswers['answers 500']);
    const { discovery, warnings } = open(`eureka://${dead.address},${alive.address}?fetch_ms=500`);
    const found = ['a', 'b', 'c', 'd', 'e'].map((service) => watchService(discovery, service));
    await eventually(() => {
      for (const instances of found) expect(instances()).toMatchObject([{ address: '10.0.0.1:1' }]);
    });
    const asked = dead.requests.length;
    await eventually(() => expect(alive.requests.length).toBeGreaterThanOrEqual(15));
    expect(dead.requests).toHaveLength(asked);
    expect(warnings()).toEqual([]);
  });

  it('logs a renewal that the server refuses', async () => {
    const fake = await startFake();
    fake.answerWith(({ method, response }) => void response.writeHead(method === 'PUT' ? 400 : 204).end());
    const { discovery, warnings } = open(`eureka://${fake.address}?renew_ms=1000`);
    const registration = discovery.register?.(selfAt('10.0.0.1:50051'));
    await eventually(() => expect(warnings()).toEqual(['REGISTRY_ANSWER_INVALID']));
    await registration?.leave(1_000);
  });

  it('logs a deregistration that the server refuses', async () => {
    const fake = await startFake();
    fake.answerWith(({ method, path, response }) => {
      const isRefused = method === 'DELETE' && !path.endsWith('/status');
      response.writeHead(isRefused ? 405 : 204).end();
    });
    const { discovery, warnings } = open(`eureka://${fake.address}?renew_ms=1000`);
    const registration = discovery.register?.(selfAt('10.0.0.1:50051'));
    await eventually(() => expect(fake.requests.some(({ method }) => method === 'PUT')).toBe(true));
    await registration?.leave(1_000);
    expect(warnings()).toEqual([]);
    await discovery.close();
    expect(warnings()).toEqual(['REGISTRY_ANSWER_INVALID']);
  });

  it('takes a process out of service before it drains, and out of the registry last', async () => {
    const fake = await startFake();
    fake.answerWith(({ response }) => void response.writeHead(204).end());
    const { discovery, warnings } = open(`eureka://${fake.address}`);
    const registration = discovery.register?.({ ...selfAt('10.0.0.1:50051'), services: ['user'] });
    const sent = () => fake.requests.map(({ method, path, query }) => `${method} ${path} ${query.get('value')}`);
    await eventually(() => expect(sent()).toHaveLength(2));
    await registration?.leave(1_000);
    const entry = '/eureka/apps/USER/user:10.0.0.1:50051';
    expect(sent().slice(2)).toEqual([`PUT ${entry}/status OUT_OF_SERVICE`]);
    await discovery.close();
    expect(sent().slice(3)).toEqual([`DELETE ${entry} null`]);
    expect(warnings()).toEqual([]);
  });

  it.each(Object.keys(badAnswers))(
    'keeps the instances while the server %s, logs that once, and continues afterwards',
    async (bad) => {
      const fake = await startFake();
      const { discovery, warnings } = open(`eureka://${fake.address}?fetch_ms=500`);
      const found = watchService(discovery, 'user');
      await eventually(() => expect(found()).toMatchObject([{ address: '10.0.0.1:1' }]));
      fake.answerWith(badAnswers[bad]);
      const asked = fake.requests.length;
      await eventually(() => expect(fake.requests.length).toBeGreaterThanOrEqual(asked + 2));
      expect(found()).toMatchObject([{ address: '10.0.0.1:1' }]);
      // Eureka answers 404 for an application without instances.
      expect(warnings()).toHaveLength(bad === 'answers 404' ? 0 : 1);
      fake.answerWith((request) => answerJson(request, application(instance(2))));
      await eventually(() => expect(found()).toMatchObject([{ address: '10.0.0.1:2' }]));
    },
  );
});
