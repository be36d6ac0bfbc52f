import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UserServiceContract } from '../../gen/ts/user/v1/user.contract.ts';
import { createClientFactory } from '../client/client-factory.ts';
import { type PeerHandlers, startPeerServer, user } from '../client/testing/peer.ts';
import { createStaticDiscovery } from '../discovery/static/static-discovery.ts';
import { createHealth } from '../server/health/health.ts';
import { echoService } from '../server/testing/echo-service.ts';
import { serveForTest } from '../server/testing/serve-echo.ts';
import { captureLog } from '../testing/captured-log.ts';
import { engineOfRun } from '../testing/engine-of-run.ts';
import { eventually } from '../testing/eventually.ts';
import { startFaultProxy } from '../testing/servers/fault-proxy.ts';
import { systemClock } from '../time/clock.ts';
import { createEndpoints } from './endpoints.ts';

/** Starts a user service on grpc-js whose answers name it. It serves no health. */
async function serveUsers(id: string, others: PeerHandlers = {}): Promise<number> {
  const server = await startPeerServer({ getUser: (_, answer) => answer(null, user(id)), ...others });
  onTestFinished(() => server.stop());
  return server.port;
}

/** A client of the user service at these ports, which calls each in turn. */
function callUsersAt(ports: readonly number[], connectTimeoutMs = 5_000) {
  const { logger, lines } = captureLog();
  const discovery = createStaticDiscovery(new Map([['user', ports.map((port) => `127.0.0.1:${port}`)]]));
  const endpoints = createEndpoints({
    engine: { connect: (address, options) => engineOfRun.connect(address, { ...options, connectTimeoutMs }) },
    discovery,
    policy: 'round-robin',
    clock: systemClock,
    logger,
  });
  const balancer = endpoints.of('user');
  const factory = createClientFactory({
    endpoints: {
      found: () => undefined,
      pick: (contract, tried, isStream) => balancer.pick(tried, contract, isStream) ?? expect.fail('no endpoint'),
      close: () => endpoints.close(),
    },
    clock: systemClock,
    logger,
  });
  onTestFinished(() => factory.close());
  const client = factory.client(UserServiceContract);
  const getUsers = (count: number) => Promise.all(Array.from({ length: count }, () => client.getUser({})));
  const warnings = () => lines.filter(({ level }) => level === 'warn');
  return { balancer, factory, client, getUsers, warnings };
}

describe('an instance with an older contract', () => {
  it('fails no call: those of a method that it does not have go elsewhere, with one line in the log', async () => {
    const createUser: PeerHandlers['createUser'] = (_, answer) => answer(null, user('new'));
    const old = await serveUsers('old');
    const { client, getUsers, warnings } = callUsersAt([old, await serveUsers('new', { createUser })]);
    const running = getUsers(100);
    const created = await Promise.all(Array.from({ length: 100 }, () => client.createUser({})));
    expect(new Set(created.map(({ id }) => id))).toEqual(new Set(['new']));
    // The methods that it has are called there.
    expect(new Set((await running).map(({ id }) => id))).toEqual(new Set(['old', 'new']));
    expect(warnings()).toMatchObject([
      {
        service: 'user',
        registry: 'static',
        address: `127.0.0.1:${old}`,
        method: '/user.v1.UserService/CreateUser',
        msg: expect.stringMatching(/older contract.*; update it$/),
      },
    ]);
  });
});

describe('an address that belongs to another service', () => {
  it('fails no call, and gets none once its health is known, with one line in the log', async () => {
    const { server, port } = await serveForTest({ serves: [echoService()], health: createHealth(systemClock) });
    onTestFinished(() => server.drain(0));
    const { balancer, getUsers, warnings } = callUsersAt([port, await serveUsers('user')]);
    // The first ones find out.
    expect(new Set((await getUsers(100)).map(({ id }) => id))).toEqual(new Set(['user']));
    await eventually(() => expect(balancer.endpoints()).toHaveLength(1));
    const picksOf = () => balancer.instances().find(({ address }) => address === `127.0.0.1:${port}`)?.picks;
    const before = picksOf();
    expect(await getUsers(100)).toHaveLength(100);
    expect(picksOf()).toBe(before);
    expect(warnings()).toContainEqual(
      expect.objectContaining({
        service: 'user',
        registry: 'static',
        address: `127.0.0.1:${port}`,
        contract: 'user.v1.UserService',
        msg: expect.stringContaining('check whether two services have one address'),
      }),
    );
  });
});

describe('an address at which no gRPC is spoken', () => {
  it('fails no call', async () => {
    const server = createServer((socket) =>
      socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const { getUsers } = callUsersAt([port, await serveUsers('user')]);
    expect(new Set((await getUsers(100)).map(({ id }) => id))).toEqual(new Set(['user']));
  });
});

describe('an instance that accepts connections and sends nothing', () => {
  it('fails no call: the first wait for its SETTINGS and then go elsewhere, and later ones do not go there', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const { balancer, getUsers } = callUsersAt([port, await serveUsers('user')], 300);
    const startMs = performance.now();
    expect(new Set((await getUsers(10)).map(({ id }) => id))).toEqual(new Set(['user']));
    expect(performance.now() - startMs).toBeGreaterThan(290);
    await eventually(() => expect(balancer.instances()[0]).toMatchObject({ state: 'away' }));
    const before = balancer.instances()[0]?.picks;
    await getUsers(10);
    expect(balancer.instances()[0]?.picks).toBe(before);
  });
});

describe('an instance that was silent', () => {
  it('answers whoever kept its endpoint, over the new connections', async () => {
    const proxy = await startFaultProxy(await serveUsers('silent'));
    onTestFinished(() => proxy.close());
    const { balancer, factory, getUsers } = callUsersAt([proxy.port, await serveUsers('other')]);
    await getUsers(4);
    const kept = balancer.instances()[0] ?? expect.fail('no instance');
    const client = factory.clientAt(UserServiceContract, kept);
    await expect(client.getUser({})).resolves.toMatchObject({ id: 'silent' });
    proxy.blackHole();
    const waiting = getUsers(4);
    await eventually(() => expect(balancer.instances()[0]).toMatchObject({ state: 'silent' }));
    expect(new Set((await waiting).map(({ id }) => id))).toEqual(new Set(['other']));
    proxy.heal();
    await eventually(() => expect(client.getUser({})).resolves.toMatchObject({ id: 'silent' }));
  });
});
