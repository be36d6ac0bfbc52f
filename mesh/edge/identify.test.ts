import type { FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { tokenExpired, unauthenticated } from '../security/authorization/errors.ts';
import { plainAuthenticator } from '../security/testing/plain-authenticator.ts';
import { invalidToken } from '../security/tokens/errors.ts';
import { systemClock as clock } from '../time/clock.ts';
import { TimerWheel } from '../time/timer-wheel.ts';
import { HttpCall } from './http-call.ts';
import { challengeOf, createIdentify } from './identify.ts';

describe('a request', () => {
  const path = '/test.v1.Test/Do';

  /** Identifies a request with these headers; returns the denials that were reported. */
  function identify(headers: Record<string, string>, isForAnyone: boolean, isAuthenticated = true): string[] {
    const denials: string[] = [];
    const authenticator = isAuthenticated ? plainAuthenticator : undefined;
    const identifyRequest = createIdentify(authenticator, (call) => denials.push(call.path));
    const call = new HttpCall({ headers, peer: '127.0.0.1' }, { clock, timers: new TimerWheel() });
    call.callMethod({ path, contract: 'test.v1.Test', endsWithToken: false }, undefined);
    const request = {
      call,
      headers,
      raw: { rawHeaders: [], socket: { remoteAddress: '127.0.0.1', remotePort: 1 } },
    } as unknown as FastifyRequest;
    try {
      void identifyRequest(request, { isForAnyone });
    } catch (error) {
      expect(error).toMatchObject({ reason: 'UNAUTHENTICATED' });
      return denials;
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
});

it('tells clients to get a new token if theirs is not valid, also if it has expired', () => {
  const path = '/test.v1.Test/Watch';
  expect(challengeOf(invalidToken({ isBearer: true }))).toContain(', error="invalid_token", ');
  expect(challengeOf(tokenExpired({ path }))).toContain(', error="invalid_token", ');
  expect(challengeOf(unauthenticated({ path }))).toBe('Bearer realm="ordermesh"');
});
