import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UserServiceContract } from '../../gen/ts/user/v1/user.contract.ts';
import { createClientFactory } from '../client/client-factory.ts';
import { startPeerServer, user } from '../client/testing/peer.ts';
import { noEndpoints } from '../discovery/errors.ts';
import { createStaticDiscovery } from '../discovery/static/static-discovery.ts';
import { createLogger } from '../telemetry/logger.ts';
import { engineOfRun } from '../testing/engine-of-run.ts';
import { systemClock } from '../time/clock.ts';
import { createEndpoints } from './endpoints.ts';

/** Starts a user service that answers every call with a user of this id. */
async function serveUsers(id: string): Promise<string> {
  const server = await startPeerServer({ getUser: (_, answer) => answer(null, user(id)) });
  onTestFinished(() => server.stop());
  return `127.0.0.1:${server.port}`;
}

function endpointsAt(addresses: readonly string[]) {
  const discovery = createStaticDiscovery(new Map([['user', addresses]]), systemClock);
  const endpoints = createEndpoints({ engine: engineOfRun, discovery });
  onTestFinished(() => endpoints.close());
  return endpoints;
}

describe('endpoints', () => {
  it('spread the calls of a client over all instances of its service', async () => {
    const endpoints = endpointsAt([await serveUsers('first'), await serveUsers('second')]);
    const pick = (_: string, tried?: ReadonlySet<string>) =>
      endpoints.of('user').pick(tried) ?? expect.fail('no endpoint');
    const factory = createClientFactory({
      endpoints: { pick, close: () => undefined },
      clock: systemClock,
      logger: createLogger('silent'),
    });
    onTestFinished(() => factory.close());
    const client = factory.client(UserServiceContract);
    const ids: string[] = [];
    for (let call = 0; call < 20; call++) ids.push((await client.getUser({})).id);
    expect(ids.filter((id) => id === 'first')).toHaveLength(10);
    expect(ids.filter((id) => id === 'second')).toHaveLength(10);
  });

  it('prefer an endpoint that was not tried, and return a tried one if there is no other', () => {
    const balancer = endpointsAt(['127.0.0.1:1', '127.0.0.1:2']).of('user');
    const tried = new Set(['127.0.0.1:1']);
    for (let call = 0; call < 4; call++) expect(balancer.pick(tried)?.address).toBe('127.0.0.1:2');
    expect(balancer.pick(new Set(['127.0.0.1:1', '127.0.0.1:2']))).toBeDefined();
  });

  it('have none of a service that discovery does not know', () => {
    expect(endpointsAt([]).of('user').pick()).toBeUndefined();
    expect(noEndpoints({ service: 'user', registry: 'static' })).toMatchObject({ code: Status.UNAVAILABLE });
  });
});
