import { Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UserServiceContract } from '../../gen/ts/user/v1/user.contract.ts';
import { createClientFactory } from '../client/client-factory.ts';
import { user } from '../client/testing/peer.ts';
import { createStaticDiscovery } from '../discovery/static/static-discovery.ts';
import { TransportError } from '../engines/transport-error.ts';
import { captureLog } from '../testing/captured-log.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { systemClock } from '../time/clock.ts';
import { createEndpoints } from './endpoints.ts';
import { outlierConstants } from './outliers.ts';
import { FakeServer, settle } from './testing/fake-server.ts';

const unavailable = new TransportError('/', Status.UNAVAILABLE, 'too busy', Metadata());

/** Calls a user service with five instances, each in turn. */
async function callFive() {
  const servers = new Map(['a:1', 'b:1', 'c:1', 'd:1', 'e:1'].map((address) => [address, new FakeServer()]));
  for (const server of servers.values()) server.answer = () => user('ada');
  const clock = createTestClock();
  const { logger, lines } = captureLog();
  const endpoints = createEndpoints({
    engine: { connect: (address) => (servers.get(address) ?? expect.fail(address)).connect() },
    discovery: createStaticDiscovery(new Map([['user', [...servers.keys()]]])),
    policy: 'round-robin',
    clock,
    logger,
  });
  const balancer = endpoints.of('user');
  const factory = createClientFactory({
    endpoints: {
      pick: (contract, tried, isStream) => balancer.pick(tried, contract, isStream) ?? expect.fail('no endpoint'),
      found: () => undefined,
      close: () => endpoints.close(),
    },
    clock: systemClock,
    logger,
  });
  onTestFinished(() => factory.close());
  const users = factory.client(UserServiceContract, { retry: { firstDelayMs: 1 } });
  return {
    clock,
    lines,
    server: (address: string) => servers.get(address) ?? expect.fail(address),
    ejected: () => balancer.instances().flatMap(({ address, state }) => (state === 'ejected' ? [address] : [])),
    /** Makes calls one after the other. Returns how many each server got, and how many failed. */
    async call(count: number) {
      const before = [...servers].map(([address, { calls }]) => [address, calls] as const);
      let failed = 0;
      for (let made = 0; made < count; made += 1) await users.getUser({}).catch(() => (failed += 1));
      await settle();
      const got = before.map(([address, calls]) => [address, (servers.get(address)?.calls ?? 0) - calls]);
      return { failed, got: Object.fromEntries(got) };
    },
  };
}

describe('one of five instances that fails every second call', () => {
  it('is ejected after an interval, and comes back when it works', async () => {
    const { clock, lines, server, ejected, call } = await callFive();
    const ill = server('c:1');
    ill.answer = () => {
      if (ill.calls % 2 === 0) throw unavailable;
      return user('ada');
    };
    // Most calls are answered elsewhere, until the budget of retries is spent.
    // Each has to get 100 calls to be compared with the others.
    const { got, failed } = await call(700);
    expect(failed).toBeLessThan(got['c:1'] / 4);
    expect(got['c:1']).toBeGreaterThanOrEqual(outlierConstants.rateMinCalls);
    expect(ejected()).toEqual([]);
    clock.advance(outlierConstants.intervalMs);
    expect(ejected()).toEqual(['c:1']);
    expect(lines).toMatchObject([
      {
        level: 'warn',
        service: 'user',
        registry: 'static',
        address: 'c:1',
        for_ms: 30_000,
        msg: expect.stringContaining('fails its calls'),
      },
    ]);
    expect(await call(50)).toMatchObject({ failed: 0, got: { 'c:1': 0 } });

    // It still fails, so it is out for longer.
    clock.advance(outlierConstants.baseMs);
    await call(700);
    clock.advance(outlierConstants.intervalMs);
    expect(ejected()).toEqual(['c:1']);
    expect(lines.at(-1)).toMatchObject({ address: 'c:1', for_ms: 60_000 });

    ill.answer = () => user('ada');
    clock.advance(2 * outlierConstants.baseMs);
    expect(ejected()).toEqual([]);
    expect(await call(50)).toEqual({ failed: 0, got: { 'a:1': 10, 'b:1': 10, 'c:1': 10, 'd:1': 10, 'e:1': 10 } });
    clock.advance(outlierConstants.intervalMs);
    expect(ejected()).toEqual([]);
  });
});
