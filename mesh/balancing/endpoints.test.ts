import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UserServiceContract } from '../../gen/ts/user/v1/user.contract.ts';
import { createClientFactory } from '../client/client-factory.ts';
import { startPeerServer, user } from '../client/testing/peer.ts';
import type { BalancingPolicy } from '../config/process-settings.ts';
import { noEndpoints } from '../discovery/errors.ts';
import { createStaticDiscovery } from '../discovery/static/static-discovery.ts';
import { createLogger } from '../telemetry/logger.ts';
import { engineOfRun } from '../testing/engine-of-run.ts';
import { freePort } from '../testing/servers/free-port.ts';
import { systemClock } from '../time/clock.ts';
import { createEndpoints, type Endpoints } from './endpoints.ts';

/** Starts a user service whose answers name it. */
async function serveUsers(id: string): Promise<string> {
  const server = await startPeerServer({
    getUser: (_, answer) => answer(null, user(id)),
    createUser: (_, answer) => answer(null, user(id)),
    importUsers(requests, answer) {
      let count = 0n;
      requests.on('data', () => {
        count += 1n;
      });
      requests.on('end', () => answer(null, { imported: count, failures: [] }));
    },
  });
  onTestFinished(() => server.stop());
  return `127.0.0.1:${server.port}`;
}

function endpointsAt(addresses: readonly string[], policy?: BalancingPolicy) {
  const discovery = createStaticDiscovery(new Map([['user', addresses]]), systemClock);
  const logger = createLogger('silent');
  const endpoints = createEndpoints({ engine: engineOfRun, discovery, policy, clock: systemClock, logger });
  onTestFinished(() => endpoints.close());
  return endpoints;
}

function clientOf(endpoints: Endpoints) {
  const factory = createClientFactory({
    endpoints: {
      pick: (contract, tried, isStream) =>
        endpoints.of('user').pick(tried, contract, isStream) ?? expect.fail('no endpoint'),
      close: () => undefined,
    },
    clock: systemClock,
    logger: createLogger('silent'),
  });
  onTestFinished(() => factory.close());
  return factory.client(UserServiceContract);
}

async function* someUsers() {
  yield { user: { name: 'one' } };
  yield { user: { name: 'two' } };
}

describe('endpoints', () => {
  it('call each instance of a service in turn with round-robin', async () => {
    const client = clientOf(endpointsAt([await serveUsers('first'), await serveUsers('second')], 'round-robin'));
    const ids: string[] = [];
    for (let call = 0; call < 20; call++) ids.push((await client.getUser({})).id);
    expect(ids.filter((id) => id === 'first')).toHaveLength(10);
    expect(ids.filter((id) => id === 'second')).toHaveLength(10);
  });

  it('spread concurrent calls by load', async () => {
    const client = clientOf(endpointsAt([await serveUsers('first'), await serveUsers('second')]));
    const users = await Promise.all(Array.from({ length: 200 }, () => client.getUser({})));
    const first = users.filter(({ id }) => id === 'first').length;
    expect(first).toBeGreaterThan(40);
    expect(first).toBeLessThan(160);
  });

  it('send a call elsewhere that its endpoint cannot take, whatever its method', async () => {
    const addresses = [`127.0.0.1:${await freePort()}`, await serveUsers('only')];
    // Of two calls that begin together, one goes to each endpoint.
    const changes = clientOf(endpointsAt(addresses, 'round-robin'));
    const created = await Promise.all([changes.createUser({}), changes.createUser({})]);
    expect(created).toMatchObject([{ id: 'only' }, { id: 'only' }]);

    const imports = clientOf(endpointsAt(addresses, 'round-robin'));
    const imported = await Promise.all([imports.importUsers(someUsers()), imports.importUsers(someUsers())]);
    expect(imported).toMatchObject([{ imported: 2n }, { imported: 2n }]);
  });

  it('have none of a service that discovery does not know', () => {
    expect(endpointsAt([]).of('user').pick()).toBeUndefined();
    expect(noEndpoints({ service: 'user', registry: 'static' })).toMatchObject({ code: Status.UNAVAILABLE });
  });
});
