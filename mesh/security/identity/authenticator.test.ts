import { describe, expect, it } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { anonymous } from '../../identity/caller.ts';
import { createPrometheusMetrics } from '../../metrics/prometheus/prometheus-metrics.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { systemClock as clock } from '../../time/clock.ts';
import type { TokenVerifier } from '../token-verifier.ts';
import { createAuthenticator } from './create-authenticator.ts';
import { createProcessSecret } from './process-secret.ts';

const secret = createProcessSecret();

/** Believes the tokens `alice` and, after a while, `late`. */
const tokens: TokenVerifier = {
  verify(token) {
    if (token === 'late') return Promise.resolve({ subject: 'late', roles: [], expiresMs: 2_000 });
    if (token === 'alice') return { subject: 'alice', roles: ['operator'], expiresMs: 1_000 };
    throw new TypeError('refused');
  },
};

/** Authenticates a call, and returns the drops that were counted too. */
async function authenticate(metadata: Readonly<Record<string, string>>, peerService?: string) {
  const metrics = createPrometheusMetrics({ clock, logger: captureLog().logger });
  const authenticator = createAuthenticator({ tokens, secret, metrics });
  const caller = await Promise.resolve()
    .then(() => authenticator.authenticate({ peerService, textMetadata: (key) => metadata[key] }))
    .catch((error: unknown) => (error instanceof MeshError ? error.reason : String(error)));
  const { text } = await metrics.scrape();
  const dropped = Number(/identity_metadata_dropped_total\{wire="grpc"\} (\d+)/.exec(text)?.[1] ?? 0);
  return { caller, dropped };
}

const own = { 'mesh-process-secret': secret.text };
const bob = { 'mesh-subject': 'bob', 'mesh-roles': 'admin' };

describe('the authenticator', () => {
  it.each([
    ['nobody', {}, undefined, anonymous],
    [
      'a token',
      { authorization: 'Bearer alice' },
      undefined,
      { service: undefined, subject: 'alice', roles: ['operator'], expiresMs: 1_000 },
    ],
    [
      'a token whose keys come late',
      { authorization: 'bearer  late' },
      undefined,
      { service: undefined, subject: 'late', roles: [], expiresMs: 2_000 },
    ],
    ['a service', {}, 'order', { service: 'order', subject: undefined, roles: [] }],
    ['a service for a user', bob, 'order', { service: 'order', subject: 'bob', roles: ['admin'] }],
    ['a user without roles', { 'mesh-subject': 'bob' }, 'order', { service: 'order', subject: 'bob', roles: [] }],
    ['roles without a user', { 'mesh-roles': 'admin' }, 'order', { service: 'order', subject: undefined, roles: [] }],
    [
      'the name of a service beside its certificate',
      { 'mesh-service': 'payment' },
      'order',
      { service: 'order', subject: undefined, roles: [] },
    ],
    [
      'a service of this process',
      { ...own, 'mesh-service': 'order', ...bob },
      undefined,
      { service: 'order', subject: 'bob', roles: ['admin'] },
    ],
    [
      'a service of this process over TLS',
      { ...own, 'mesh-service': 'order' },
      'gateway',
      { service: 'order', subject: undefined, roles: [] },
    ],
    [
      'a call that a service passes on',
      { 'mesh-origin': 'outside', ...bob },
      'edge',
      { service: undefined, subject: 'bob', roles: ['admin'], isPassedOn: true },
    ],
    [
      'a stream that a service passes on',
      { 'mesh-origin': 'outside', 'mesh-expires-ms': '1790000000000', ...bob },
      'edge',
      { service: undefined, subject: 'bob', roles: ['admin'], isPassedOn: true, expiresMs: 1_790_000_000_000 },
    ],
    [
      'a service that says when it expires',
      { 'mesh-expires-ms': '1', ...bob },
      'order',
      { service: 'order', subject: 'bob', roles: ['admin'] },
    ],
    [
      'a call of nobody that a service passes on',
      { 'mesh-origin': 'outside' },
      'edge',
      { ...anonymous, isPassedOn: true },
    ],
    [
      'a token and a user',
      { authorization: 'Bearer alice', ...bob },
      'edge',
      { service: 'edge', subject: 'alice', roles: ['operator'], expiresMs: 1_000 },
    ],
  ] as const)('knows %s', async (_kind, metadata, peerService, caller) => {
    expect(await authenticate(metadata, peerService)).toEqual({ caller, dropped: 0 });
  });

  it.each([
    ['a subject', bob],
    ['roles', { 'mesh-roles': 'admin' }],
    ['a service', { 'mesh-service': 'order' }],
    ['an origin', { 'mesh-origin': 'outside' }],
    ['another secret', { 'mesh-process-secret': createProcessSecret().text, 'mesh-service': 'order', ...bob }],
    ['a part of the secret', { 'mesh-process-secret': secret.text.slice(1), ...bob }],
    ['what nobody could read', { 'mesh-subject': '%' }],
  ])('drops and counts %s from a channel that proves no service', async (_kind, metadata) => {
    expect(await authenticate(metadata)).toEqual({ caller: anonymous, dropped: 1 });
  });

  it('drops the subject beside a token from outside', async () => {
    const caller = { service: undefined, subject: 'alice', roles: ['operator'], expiresMs: 1_000 };
    expect(await authenticate({ authorization: 'Bearer alice', ...bob })).toEqual({ caller, dropped: 1 });
  });

  it.each(['Bearer alice, Bearer alice', 'Basic YTpi', 'Bearer', 'Bearer a b', '', 'alice'])(
    'refuses the authorization %j',
    async (authorization) => {
      expect((await authenticate({ authorization })).caller).toBe('TypeError: refused');
    },
  );

  it.each([
    ['a subject', { 'mesh-subject': 'a%0Ab' }],
    ['a long subject', { 'mesh-subject': 'a'.repeat(256) }],
    ['roles', { 'mesh-subject': 'bob', 'mesh-roles': 'admin,' }],
    ['an origin', { 'mesh-origin': 'inside' }],
    ['an expiry', { 'mesh-origin': 'outside', 'mesh-expires-ms': 'soon' }],
    ['the name of a service', { ...own, 'mesh-service': 'a/b' }],
  ])('refuses %s that no service sends, even from one', async (_kind, metadata) => {
    expect((await authenticate(metadata, 'order')).caller).toBe('INVALID_IDENTITY');
  });
});
