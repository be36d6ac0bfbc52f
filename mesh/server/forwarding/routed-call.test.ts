import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createEndpoints } from '../../balancing/endpoints.ts';
import { Choice } from '../../balancing/service-balancer.ts';
import type { DeclaredMethod } from '../../contract/declared-methods.ts';
import { createStaticDiscovery } from '../../discovery/static/static-discovery.ts';
import type { ForwardedCall, RawEndpoint } from '../../engines/forwarding.ts';
import { nativeEngine } from '../../engines/native/engine.ts';
import { plainAuthenticator } from '../../security/testing/plain-authenticator.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { systemClock as clock } from '../../time/clock.ts';
import { noneReachable } from '../errors.ts';
import { openAdmission } from '../policies/admission/admission.ts';
import { DoorRates } from '../policies/rate-limit/door-rates.ts';
import { createForwardedCallers } from './forwarded-caller.ts';
import { RoutedCall } from './routed-call.ts';

const endpoint = (address: string): RawEndpoint => ({ address, close: () => undefined, abort: () => undefined });

const getUser: DeclaredMethod = { kind: 'unary', readsOnly: true, hasRequestId: false };

/** Calls of a service with these instances. */
function callsTo(...addresses: readonly string[]) {
  const { logger, lines } = captureLog();
  const discovery = createStaticDiscovery(new Map([['user', addresses]]));
  const endpoints = createEndpoints({ engine: nativeEngine, discovery, clock, logger });
  onTestFinished(() => endpoints.close());
  const balancer = endpoints.of('user');
  const rates = new DoorRates({ clock: createTestClock() });
  const callOf = (peer: string, metadata: Readonly<Record<string, string>>): ForwardedCall => ({
    path: '/user.v1.UserService/GetUser',
    peer,
    requestId: 'request',
    deadlineMs: undefined,
    isOver: false,
    requestBytes: 0,
    replyBytes: 0,
    waitsForReader: false,
    textMetadata: (key) => metadata[key],
    fail: () => undefined,
  });
  const create = (method: DeclaredMethod | null = getUser, peer = '127.0.0.1:1', metadata = {}) =>
    new RoutedCall(
      callOf(peer, metadata),
      method ?? undefined,
      { service: 'user', balancer, admission: openAdmission },
      {
        connectionsTo: endpoint,
        unreachable: (service, problem = '') => noneReachable({ service, problem }),
        onEnd: () => undefined,
        callers: createForwardedCallers({ authenticator: plainAuthenticator, provesService: false }),
        rates,
        clock,
      },
    );
  const missed = () => lines.filter(({ msg }) => String(msg).includes('older contract'));
  return { balancer, create, missed };
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

describe('a forwarded call of a method that an instance does not have', () => {
  it('goes to three at most, and each is logged once', () => {
    const addresses = ['127.0.0.1:1', '127.0.0.2:1', '127.0.0.3:1', '127.0.0.4:1'];
    const { create, missed } = callsTo(...addresses);
    for (let calls = 0; calls < 20; calls += 1) {
      const call = create();
      const goesOn = addresses.slice(1).map(() => {
        call.next(undefined);
        return call.misses();
      });
      expect(goesOn).toEqual([true, true, false]);
      call.ended({ code: Status.UNIMPLEMENTED, unprocessed: false, error: undefined });
    }
    expect(
      missed()
        .map(({ address }) => address as string)
        .toSorted(),
    ).toEqual(addresses);
    expect(missed()[0]).toMatchObject({ service: 'user', method: '/user.v1.UserService/GetUser' });
  });

  it('ends there if there is no other instance', () => {
    const { create, missed } = callsTo('127.0.0.1:1');
    const call = create();
    call.next(undefined);
    expect(call.misses()).toBe(false);
    expect(missed()).toEqual([]);
  });

  it('is not logged if no known contract has it, because its caller may have made it up', () => {
    const { create, missed } = callsTo('127.0.0.1:1', '127.0.0.2:1');
    const call = create(null);
    call.next(undefined);
    expect(call.misses()).toBe(true);
    expect(missed()).toEqual([]);
  });
});

describe('the caller of a forwarded call that was lost', () => {
  it.each([
    ['reads', getUser, 'read'],
    ['changes something by its request_id', { ...getUser, readsOnly: false, hasRequestId: true }, 'by-request-id'],
    ['changes something', { ...getUser, readsOnly: false }, 'change'],
    ['opens a stream', { ...getUser, kind: 'server-streaming' }, 'stream'],
    ['is not in a known contract', null, 'unknown'],
  ] as const)('learns how to repeat one that %s', (_, method, repetition) => {
    expect(callsTo('127.0.0.1:1').create(method)).toMatchObject({ repetition });
  });
});

describe('a forwarded call of a method with a rate', () => {
  const limited = { ...getUser, rate: { perSecond: 1, burst: 1 } };

  /** Makes calls; returns how many were let through. */
  async function admitted(count: number, peer: string, metadata = {}, { create } = callsTo('127.0.0.1:1')) {
    const calls = Array.from({ length: count }, () => create(limited, peer, metadata).admit());
    const ends = await Promise.allSettled(calls);
    const refused = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
    for (const error of refused) expect(error).toMatchObject({ reason: 'RATE_LIMITED' });
    return count - refused.length;
  }

  it('is counted for its address, of which each has its own rate', async () => {
    const calls = callsTo('127.0.0.1:1');
    expect(await admitted(30, '203.0.113.1:1', {}, calls)).toBe(10);
    expect(await admitted(1, '203.0.113.1:2', {}, calls)).toBe(0);
    expect(await admitted(30, '203.0.113.2:1', {}, calls)).toBe(10);
  });

  it('is counted for the service that makes it, which the called one does not learn', async () => {
    expect(await admitted(3, '203.0.113.1:1', { 'test-service': 'order' })).toBe(1);
  });

  it('is not counted for a subject, whom the service counts, nor for this machine and other doors', async () => {
    expect(await admitted(30, '203.0.113.1:1', { 'test-subject': 'ada' })).toBe(30);
    expect(await admitted(30, '127.0.0.1:1')).toBe(30);
    expect(await admitted(30, '203.0.113.1:1', { 'test-service': 'edge' })).toBe(30);
  });
});
