import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createEndpoints } from '../../balancing/endpoints.ts';
import { Choice } from '../../balancing/instance.ts';
import { createStaticDiscovery } from '../../discovery/static/static-discovery.ts';
import type { ForwardedCall, RawEndpoint } from '../../engines/forwarding.ts';
import { nativeEngine } from '../../engines/native/engine.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { systemClock as clock } from '../../time/clock.ts';
import { noneReachable } from '../errors.ts';
import { openAdmission } from '../policies/admission/admission.ts';
import { RoutedCall } from './routed-call.ts';

const endpoint = (address: string): RawEndpoint => ({ address, close: () => undefined, abort: () => undefined });

/** Calls of a service with these instances. */
function callsTo(...addresses: readonly string[]) {
  const discovery = createStaticDiscovery(new Map([['user', addresses]]), clock);
  const endpoints = createEndpoints({ engine: nativeEngine, discovery, clock, logger: createLogger('silent') });
  onTestFinished(() => endpoints.close());
  const balancer = endpoints.of('user');
  const call: ForwardedCall = {
    path: '/user.v1.UserService/GetUser',
    peer: '127.0.0.1:1',
    requestId: 'request',
    deadlineMs: undefined,
    isOver: false,
    requestBytes: 0,
    replyBytes: 0,
    waitsForReader: false,
    fail: () => undefined,
  };
  const create = () =>
    new RoutedCall(
      call,
      'unary',
      { service: 'user', balancer, admission: openAdmission },
      {
        connectionsTo: endpoint,
        unreachable: (service, problem = '') => noneReachable({ service, problem }),
        onEnd: () => undefined,
      },
    );
  return { balancer, create };
}

describe('a forwarded call that no instance begins', () => {
  it.each([[['127.0.0.1:1']], [['127.0.0.1:1', '127.0.0.2:1']]])('is no load once it has ended: %j', (addresses) => {
    const { balancer, create } = callsTo(...addresses);
    for (let calls = 0; calls < 5; calls += 1) {
      const call = create();
      const tried = addresses.map(() => call.next(undefined).address);
      expect(tried.toSorted()).toEqual(addresses);
      expect(() => call.next('ECONNREFUSED')).toThrow('ECONNREFUSED');
      call.ended({ code: Status.UNAVAILABLE, unprocessed: true, error: undefined });
    }
    const picks = balancer.instances().map((instance) => instance.picks);
    expect(picks.reduce((sum, count) => sum + count)).toBe(5 * addresses.length);
    for (const _ of addresses) {
      const picked = balancer.pick();
      expect(picked instanceof Choice && picked.load.open).toBe(1);
      picked?.end('cancelled', 0);
    }
  });
});
