import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { UserServiceContract } from '../../gen/ts/user/v1/user.contract.ts';
import { endpointsByAddress } from '../balancing/endpoint-source.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { type EchoDefinition, echoService } from '../server/testing/echo-service.ts';
import { serveForTest } from '../server/testing/serve-echo.ts';
import { createLogger } from '../telemetry/logger.ts';
import { engineOfRun } from '../testing/engine-of-run.ts';
import { systemClock } from '../time/clock.ts';
import { type ClientFactory, createClientFactory, type MeshClient } from './client-factory.ts';
import { failure, type PeerHandlers, startPeerServer, user } from './testing/peer.ts';

/** A factory with these addresses, and the number of its connections. */
function factoryFor(resolve: (service: string) => string): { factory: ClientFactory; connect: () => number } {
  const connect = vi.fn(engineOfRun.connect);
  const logger = createLogger('silent');
  const factory = createClientFactory({
    endpoints: endpointsByAddress({ connect }, resolve),
    clock: systemClock,
    logger,
  });
  onTestFinished(() => factory.close());
  return { factory, connect: () => connect.mock.calls.length };
}

async function serveUsers(handlers: PeerHandlers): Promise<string> {
  const server = await startPeerServer(handlers);
  onTestFinished(() => server.stop());
  return `127.0.0.1:${server.port}`;
}

const answerWith = (id: string): PeerHandlers => ({ getUser: (_, answer) => answer(null, user(id)) });

describe('a client factory', () => {
  it('connects once to an address, however many clients call it', async () => {
    const address = await serveUsers(answerWith('u1'));
    const { factory, connect } = factoryFor(() => address);

    await factory.client(UserServiceContract).getUser({});
    await factory.client(UserServiceContract).getUser({});

    expect(connect()).toBe(1);
  });

  it('calls the address where the service is now', async () => {
    const first = await serveUsers(answerWith('first'));
    const second = await serveUsers(answerWith('second'));
    let address = first;
    const { factory } = factoryFor((service) => (service === 'user.v1.UserService' ? address : 'nowhere:1'));
    const client = factory.client(UserServiceContract);

    expect((await client.getUser({})).id).toBe('first');
    address = second;
    expect((await client.getUser({})).id).toBe('second');
  });

  it('gives the clients of one service one breaker', async () => {
    const down = failure(Status.UNAVAILABLE, {}, { 'grpc-retry-pushback-ms': '-1' });
    const address = await serveUsers({ getUser: (_, answer) => answer(down) });
    const { factory } = factoryFor(() => address);
    const one = factory.client(UserServiceContract);
    for (let call = 0; call < 20; call++) await expect(one.getUser({})).rejects.toThrow('refused');

    await expect(factory.client(UserServiceContract).getUser({})).rejects.toMatchObject({ reason: 'CIRCUIT_OPEN' });
  });

  it('rejects with the reason why a service has no address', async () => {
    const nowhere = new MeshError(Status.UNAVAILABLE, 'NO_ENDPOINT', 'user.v1.UserService has no instance');
    const { factory } = factoryFor(() => {
      throw nowhere;
    });

    await expect(factory.client(UserServiceContract).getUser({})).rejects.toMatchObject({
      reason: 'NO_ENDPOINT',
      path: '/user.v1.UserService/GetUser',
    });
  });

  it('closes its connections when it is closed', async () => {
    const address = await serveUsers(answerWith('u1'));
    const { factory } = factoryFor(() => address);
    const client = factory.client(UserServiceContract);
    await client.getUser({});

    factory.close();

    await expect(client.getUser({})).rejects.toMatchObject({ code: Status.UNAVAILABLE });
  });

  it('connects no longer once it is closed', async () => {
    const address = await serveUsers(answerWith('u1'));
    const { factory } = factoryFor(() => address);
    const client = factory.client(UserServiceContract);

    factory.close();

    await expect(client.getUser({})).rejects.toMatchObject({ code: Status.UNAVAILABLE });
  });
});

describe('client and server of the mesh', () => {
  it('pass an error with all its details from the handler to the caller', async () => {
    const violations = [{ field: 'name', description: 'must not be empty' }];
    const service = echoService({
      one: () =>
        Promise.reject(
          new MeshError(Status.ABORTED, 'STALE_ETAG', 'read again', { metadata: { etag: '7' }, violations }),
        ),
    });
    const { server, address } = await serveForTest({ serves: [service] });
    onTestFinished(() => server.drain(0));
    const { factory } = factoryFor(() => address);
    const client = factory.client(service.contract) as unknown as MeshClient<typeof EchoDefinition>;

    await expect(client.one({})).rejects.toMatchObject({
      code: Status.ABORTED,
      reason: 'STALE_ETAG',
      message: 'read again',
      metadata: { etag: '7' },
      violations,
    });
  });

  it('exchange all four kinds of call', async () => {
    const service = echoService();
    const { server, address } = await serveForTest({ serves: [service] });
    onTestFinished(() => server.drain(0));
    const { factory } = factoryFor(() => address);
    const client = factory.client(service.contract) as unknown as MeshClient<typeof EchoDefinition>;
    async function* names() {
      yield { name: 'Ann' };
      yield { name: 'Bob' };
    }

    expect((await client.one({ name: 'Ann' })).name).toBe('Ann');
    expect((await Array.fromAsync(client.many({}))).map(({ id }) => id)).toEqual(['0', '1', '2', '3', '4']);
    expect((await client.collect(names())).name).toBe('Ann,Bob');
    expect((await Array.fromAsync(client.chat(names()))).map(({ name }) => name)).toEqual(['Ann', 'Bob']);
  });
});
