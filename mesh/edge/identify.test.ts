import type { FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import type { CallPolicy } from '../contract/policy/policy.ts';
import { rateLimited } from '../errors/errors.ts';
import { tokenExpired, unauthenticated } from '../security/authorization/errors.ts';
import { plainAuthenticator } from '../security/testing/plain-authenticator.ts';
import { invalidToken } from '../security/tokens/errors.ts';
import { DoorRates } from '../server/policies/rate-limit/door-rates.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { systemClock as clock } from '../time/clock.ts';
import { TimerWheel } from '../time/timer-wheel.ts';
import { HttpCall } from './http-call.ts';
import { challengeOf, createIdentify } from './identify.ts';

describe('a request', () => {
  const path = '/test.v1.Test/Do';
  const rate = { perSecond: 1, burst: 1 };

  /** Identifies a request with these headers; returns the denials that were reported. */
  function identify(
    headers: Record<string, string>,
    isForAnyone: boolean,
    isAuthenticated = true,
    rates = new DoorRates({ clock }),
  ): string[] {
    const denials: string[] = [];
    const authenticator = isAuthenticated ? plainAuthenticator : undefined;
    const identifyRequest = createIdentify(authenticator, {
      reportDenial: (call) => denials.push(call.path),
      rates,
    });
    const call = new HttpCall({ headers, peer: '127.0.0.1' }, { clock, timers: new TimerWheel() });
    call.callMethod({ path, contract: 'test.v1.Test', endsWithToken: false }, undefined);
    const request = {
      call,
      headers,
      raw: { rawHeaders: [], socket: { remoteAddress: '203.0.113.1', remotePort: 1 } },
    } as unknown as FastifyRequest;
    try {
      void identifyRequest(request, { isForAnyone, policy: { rate } as CallPolicy });
    } catch (error) {
      expect(error).toMatchObject({ reason: expect.stringMatching(/^(UNAUTHENTICATED|RATE_LIMITED)$/) });
      return rateLimited.is(error) ? ['limited', ...denials] : denials;
    }
    return ['let through', ...denials];
  }

  it('without a token is refused before its body is read, and reported', () => {
    expect(identify({}, false)).toEqual([path]);
  });

  it('is let through with a token, for a method for anyone, and where nobody asks', () => {
    expect(identify({ 'test-subject': 'ada' }, false)).toEqual(['let through']);
    expect(identify({}, true)).toEqual(['let through']);
    expect(identify({}, false, false)).toEqual(['let through']);
  });

  it.each([true, false])(
    'of an unknown caller is counted for its address, and no other one (authenticated: %s)',
    (isAsked) => {
      const rates = new DoorRates({ clock: createTestClock() });
      const isLetThrough = (headers = {}) => identify(headers, true, isAsked, rates)[0] === 'let through';
      expect(Array.from({ length: 30 }, () => isLetThrough()).filter(Boolean)).toHaveLength(10);
      expect(isLetThrough({ 'test-subject': 'ada' })).toBe(isAsked);
    },
  );
});

it('tells clients to get a new token if theirs is not valid, also if it has expired', () => {
  const path = '/test.v1.Test/Watch';
  expect(challengeOf(invalidToken({ isBearer: true }))).toContain(', error="invalid_token", ');
  expect(challengeOf(tokenExpired({ path }))).toContain(', error="invalid_token", ');
  expect(challengeOf(unauthenticated({ path }))).toBe('Bearer realm="ordermesh"');
});
