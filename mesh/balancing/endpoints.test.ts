import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UserServiceContract } from '../../gen/ts/user/v1/user.contract.ts';
import { createClientFactory } from '../client/client-factory.ts';
import { startPeerServer, user } from '../client/testing/peer.ts';
import type { BalancingPolicy } from '../config/process-settings.ts';
import type { Discovery } from '../discovery/discovery.ts';
import { noEndpoints } from '../discovery/errors.ts';
import { createStaticDiscovery } from '../discovery/static/static-discovery.ts';
import { currentScope, runInScope } from '../telemetry/call-scope.ts';
import { createLogger } from '../telemetry/logger.ts';
import { captureLog } from '../testing/captured-log.ts';
import { engineOfRun } from '../testing/engine-of-run.ts';
import { eventually } from '../testing/eventually.ts';
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

function endpointsAt(addresses: readonly string[], policy?: BalancingPolicy, logger = createLogger('silent')) {
  const discovery = createStaticDiscovery(new Map([['user', addresses]]));
  const endpoints = createEndpoints({ engine: engineOfRun, discovery, policy, clock: systemClock, logger });
  onTestFinished(() => endpoints.close());
  return endpoints;
}

function clientOf(endpoints: Endpoints) {
  const factory = createClientFactory({
    endpoints: {
      found: () => endpoints.of('user').found(),
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

/** A discovery that answers `afterMs` after it was asked, once. */
function lateDiscovery(afterMs: number, addresses: readonly string[]): Discovery {
  const known = createStaticDiscovery(new Map([['user', addresses]]));
  return {
    ...known,
    names: () => [],
    watch: (service, changed) => {
      const timer = setTimeout(() => known.watch(service, changed), afterMs);
      return () => clearTimeout(timer);
    },
  };
}

describe('endpoints that are not found yet', () => {
  const open = (afterMs: number, addresses: readonly string[]) => {
    const logger = createLogger('silent');
    const discovery = lateDiscovery(afterMs, addresses);
    const endpoints = createEndpoints({ engine: engineOfRun, discovery, clock: systemClock, logger });
    onTestFinished(() => endpoints.close());
    return endpoints;
  };

  it('are awaited by the first call', async () => {
    const users = clientOf(open(200, [await serveUsers('a')]));
    expect(await users.getUser({ id: 'x' })).toMatchObject({ id: 'a' });
  });

  it('do not hold a call back for longer than its deadline, or 2 s', async () => {
    const endpoints = open(60_000, []);
    const timed = async (call: () => Promise<unknown>) => {
      const startMs = performance.now();
      await expect(call()).rejects.toThrow();
      return performance.now() - startMs;
    };
    const users = clientOf(endpoints);
    expect(await timed(() => users.getUser({ id: 'x' }, { deadline: new Date(Date.now() + 100) }))).toBeLessThan(1_500);
    await endpoints.of('user').found();
    expect(endpoints.of('user').found()).toBeUndefined();
    expect(await timed(() => users.getUser({ id: 'x' }))).toBeLessThan(1_500);
  });
});

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

  it('send a call of any method elsewhere if its endpoint cannot take it', async () => {
    const addresses = [`127.0.0.1:${await freePort()}`, await serveUsers('only')];
    // Of two calls that begin together, one goes to each endpoint.
    const changes = clientOf(endpointsAt(addresses, 'round-robin'));
    const created = await Promise.all([changes.createUser({}), changes.createUser({})]);
    expect(created).toMatchObject([{ id: 'only' }, { id: 'only' }]);

    const imports = clientOf(endpointsAt(addresses, 'round-robin'));
    const imported = await Promise.all([imports.importUsers(someUsers()), imports.importUsers(someUsers())]);
    expect(imported).toMatchObject([{ imported: 2n }, { imported: 2n }]);
  });

  it('log what happens to them without the call that connected to them', async () => {
    const log = captureLog({ mixin: () => ({ request_id: currentScope()?.requestId }) });
    const client = clientOf(endpointsAt([`127.0.0.1:${await freePort()}`], 'round-robin', log.logger));
    const scope = { requestId: 'r1', traceparent: '', deadlineMs: undefined, signal: undefined };
    await expect(runInScope(scope, () => client.getUser({}))).rejects.toThrow();
    await eventually(() => expect(log.lines).toContainEqual(expect.objectContaining({ service: 'user' })));
    expect(log.lines.find(({ service }) => service === 'user')).not.toHaveProperty('request_id');
  });

  it('have none of a service that discovery does not know', () => {
    expect(endpointsAt([]).of('user').pick()).toBeUndefined();
    expect(noEndpoints({ service: 'user', registry: 'static' })).toMatchObject({ code: Status.UNAVAILABLE });
  });
});
