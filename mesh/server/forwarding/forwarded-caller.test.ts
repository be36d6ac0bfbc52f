import { Metadata, Status } from 'nice-grpc-common';
import { expect, it, onTestFinished } from 'vitest';
import type { EngineMethod } from '../../engines/engine.ts';
import { nativeEngine } from '../../engines/native/engine.ts';
import { toStatus } from '../../errors/to-status.ts';
import { createPrometheusMetrics } from '../../metrics/prometheus/prometheus-metrics.ts';
import { createAuthenticator } from '../../security/identity/create-authenticator.ts';
import { identityKeys } from '../../security/identity/identity-metadata.ts';
import { createProcessSecret } from '../../security/identity/process-secret.ts';
import { invalidToken } from '../../security/tokens/errors.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { openGateway } from '../../testing/engine-behind-gateway.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { systemClock as clock } from '../../time/clock.ts';
import type { ForwarderOptions } from './forwarder.ts';

const logger = createLogger('silent');
const options = { toStatus: (error: unknown, call: Parameters<typeof toStatus>[1]) => toStatus(error, call, logger) };
const codec = { encode: (text: string) => Buffer.from(text), decode: (bytes: Uint8Array) => `${bytes}` };
const method = (name: string, kind: 'unary' | 'server-streaming'): EngineMethod<string, string> => ({
  path: `/user.v1.UserService/${name}`,
  kind,
  encodeRequest: codec.encode,
  decodeRequest: codec.decode,
  encodeResponse: codec.encode,
  decodeResponse: codec.decode,
});
const [getUser, listUsers] = [method('GetUser', 'unary'), method('ListUsers', 'server-streaming')];

/** Moved by the test of a token that expires. */
const gatewayClock = createTestClock(Date.now());
const metrics = createPrometheusMetrics({ clock, logger });
const authenticator = createAuthenticator({
  tokens: {
    verify(token) {
      if (token === 'soon') return { subject: 'alice', roles: [], expiresMs: gatewayClock.now() + 200 };
      if (token !== 'alice') throw invalidToken({ isBearer: true });
      return { subject: 'alice', roles: ['gold'], expiresMs: Number.MAX_SAFE_INTEGER / 2 };
    },
  },
  secret: createProcessSecret(),
  metrics,
  wire: 'gateway',
});

/** Calls a service through a gateway with these headers. Returns what the service gets of them. */
async function openCall(gatewayOptions: Partial<Pick<ForwarderOptions, 'authenticator' | 'provesService' | 'clock'>>) {
  const seen: Record<string, string | undefined> = {};
  const host = nativeEngine.createServerHost(options);
  host.add(getUser, {
    kind: 'unary',
    async handle(_read, call) {
      for (const key of [...identityKeys, 'authorization', 'x-other']) seen[key] = call.textMetadata(key);
      return '';
    },
  });
  host.add(listUsers, {
    kind: 'server-streaming',
    async *handle(_read, call) {
      seen['mesh-expires-ms'] = call.textMetadata('mesh-expires-ms');
      yield '';
      await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
    },
  });
  const behind = `127.0.0.1:${await host.listen('127.0.0.1:0')}`;
  const gateway = await openGateway(behind, '127.0.0.1:0', { ...options, ...gatewayOptions });
  const transport = nativeEngine.connect(`127.0.0.1:${gateway.port}`);
  onTestFinished(async () => {
    transport.close();
    await gateway.drain(0);
    await host.drain(0);
  });
  const callWith = (headers: Readonly<Record<string, string>>) => ({
    metadata: Metadata(headers),
    deadlineMs: undefined,
    signal: undefined,
  });
  return {
    async sent(headers: Readonly<Record<string, string>>) {
      await transport.unary(getUser, '', callWith({ ...headers, 'x-other': 'kept' }));
      expect(seen['x-other']).toBe('kept');
      return Object.fromEntries(
        Object.entries(seen).filter(([key, value]) => key !== 'x-other' && value !== undefined),
      );
    },
    seen,
    list: (headers: Readonly<Record<string, string>>) => transport.serverStreaming(listUsers, '', callWith(headers)),
  };
}

const claims = { 'mesh-subject': 'bob', 'mesh-roles': 'operator', 'mesh-service': 'order', 'mesh-process-secret': 'x' };
const passedOn = { 'mesh-origin': 'outside', 'mesh-authenticated': 'yes' };
const alice = { 'mesh-subject': 'alice', 'mesh-roles': 'gold', ...passedOn };
const token = { authorization: 'Bearer alice' };

it.each([
  ['its user, and no token', { authenticator, provesService: true }, token, alice],
  ['that it is of nobody', { authenticator, provesService: true }, {}, passedOn],
  ['its token, over a connection that proves nothing', { authenticator }, token, token],
  [
    'its token, if the gateway does not authenticate',
    { provesService: true },
    token,
    { ...token, 'mesh-origin': 'outside' },
  ],
  ['its token, if nothing is set', {}, token, token],
] as const)(
  'a service gets of a call %s, and never what it claims',
  async (_what, gatewayOptions, headers, expected) => {
    const { sent } = await openCall(gatewayOptions);
    expect(await sent({ ...headers, ...claims })).toEqual(expected);
    expect(await sent(headers)).toEqual(expected);
  },
);

it('refuses a token that cannot be believed at the door, and counts what callers claim', async () => {
  const { sent } = await openCall({ authenticator, provesService: true });
  await expect(sent({ authorization: 'Bearer eve', ...claims })).rejects.toMatchObject({
    code: Status.UNAUTHENTICATED,
  });
  await eventually(async () =>
    expect((await metrics.scrape()).text).toMatch(/identity_metadata_dropped_total\{wire="gateway"\} [1-9]/),
  );
});

it('ends a stream when the token of its caller expires', async () => {
  const { list, seen } = await openCall({ authenticator, provesService: true, clock: gatewayClock });
  const responses = list({ authorization: 'Bearer soon' })[Symbol.asyncIterator]();
  expect((await responses.next()).value).toBe('');
  // The service ends the requests of a change itself.
  expect(Number(seen['mesh-expires-ms'])).toBe(gatewayClock.now() + 200);
  const ended = expect(responses.next()).rejects.toMatchObject({ code: Status.UNAUTHENTICATED });
  gatewayClock.advance(200);
  await ended;
});
