import { Metadata } from 'nice-grpc-common';
import { expect, it, onTestFinished } from 'vitest';
import { UserServiceContract } from '../../gen/ts/user/v1/user.contract.ts';
import { endpointsByAddress } from '../balancing/endpoint-source.ts';
import { nativeEngine } from '../engines/native/engine.ts';
import type { Caller } from '../identity/caller.ts';
import { createIdentityWriter } from '../security/identity/outbound-identity.ts';
import { createProcessSecret } from '../security/identity/process-secret.ts';
import { type PassedOnCall, runInScope } from '../telemetry/call-scope.ts';
import { createLogger } from '../telemetry/logger.ts';
import { systemClock as clock } from '../time/clock.ts';
import { createClientFactory } from './client-factory.ts';
import { startPeerServer, user } from './testing/peer.ts';

const alice: Caller = { service: 'edge', subject: 'ali ce', roles: ['operator', 'admin'] };
const token = 'Bearer secret';
const secret = createProcessSecret();

/** What a call in a scope sends of its identity to a server that has proved this. */
async function sent(
  proven: 'process' | 'service' | undefined,
  call: { readonly caller?: Caller; readonly passedOn?: PassedOnCall; readonly service?: string; isOff?: boolean },
) {
  const seen: Record<string, unknown> = {};
  const server = await startPeerServer({
    getUser({ metadata }, answer) {
      for (const [key, value] of Object.entries(metadata.getMap()))
        if (/^mesh-|^authorization$/.test(key)) seen[key] = value;
      answer(null, user('u1'));
    },
  });
  const address = `127.0.0.1:${server.port}`;
  const factory = createClientFactory({
    endpoints: endpointsByAddress(nativeEngine, () => address, { proven }),
    writeIdentity: call.isOff ? undefined : createIdentityWriter(secret),
    clock,
    logger: createLogger('silent'),
  });
  onTestFinished(() => {
    factory.close();
    server.stop();
  });
  const client = factory.client(UserServiceContract, {}, call.service);
  const scope = { requestId: 'r', traceparent: '', deadlineMs: undefined, signal: undefined, ...call };
  const claimed = Metadata({ 'mesh-service': 'claimed', 'mesh-subject': 'claimed' });
  await runInScope(scope, () => client.getUser({}, call.isOff ? {} : { metadata: claimed }));
  return seen;
}

const subject = { 'mesh-subject': 'ali%20ce', 'mesh-roles': 'operator,admin' };
const own = { 'mesh-service': 'order', 'mesh-process-secret': secret.text };
const origin = { 'mesh-origin': 'outside' };
const authenticated = { 'mesh-authenticated': 'yes' };

it.each([
  ['the subject to a proven service', 'service', { caller: alice }, { ...authenticated, ...subject }],
  ['the service too to its own process', 'process', { caller: alice, service: 'order' }, { ...own, ...subject }],
  ['the service alone if nobody called', 'process', { service: 'order' }, own],
  ['nothing to its own process if it is no service', 'process', { caller: alice }, {}],
  ['nothing to a server that proves nothing', undefined, { caller: alice, service: 'order' }, {}],
  ['nothing if calls are not authenticated', 'process', { caller: alice, service: 'order', isOff: true }, {}],
  [
    'that it passes a call on, and no token',
    'service',
    { caller: alice, passedOn: { authorization: token } },
    { ...authenticated, ...subject, ...origin },
  ],
  [
    'the token of a call that it passes on to a server that proves nothing',
    undefined,
    { caller: alice, passedOn: { authorization: token }, service: 'edge' },
    { authorization: token },
  ],
] as const)('a call says %s', async (_what, proven, call, metadata) => {
  expect(await sent(proven, call)).toEqual(metadata);
});
