import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endpointsByAddress } from '../../../mesh/balancing/endpoint-source.ts';
import { type ClientFactory, createClientFactory } from '../../../mesh/client/client-factory.ts';
import type { ConnectOptions } from '../../../mesh/engines/engine.ts';
import { nativeEngine } from '../../../mesh/engines/native/engine.ts';
import { createIdentityWriter } from '../../../mesh/security/identity/outbound-identity.ts';
import { createProcessSecret } from '../../../mesh/security/identity/process-secret.ts';
import { createTestIssuer, type TestIssuer } from '../../../mesh/security/testing/test-issuer.ts';
import { runInScope } from '../../../mesh/telemetry/call-scope.ts';
import { createLogger } from '../../../mesh/telemetry/logger.ts';
import { systemClock } from '../../../mesh/time/clock.ts';

/** An issuer, and the settings of processes that believe its tokens. */
export async function openIssuer(folder: string): Promise<{ issuer: TestIssuer; settings: Record<string, string> }> {
  const issuer = await createTestIssuer();
  const keys = join(folder, 'keys.json');
  await writeFile(keys, issuer.keySet);
  const { issuer: AUTH_ISSUER, audience: AUTH_AUDIENCE } = issuer;
  return { issuer, settings: { AUTH_JWKS: keys, AUTH_ISSUER, AUTH_AUDIENCE } };
}

/** Clients of a program outside of the mesh, whose calls have the token of whoever makes them. */
export function clientsOf(address: string, options: ConnectOptions = {}): ClientFactory {
  return createClientFactory({
    endpoints: endpointsByAddress(nativeEngine, () => address, options),
    writeIdentity: createIdentityWriter(createProcessSecret()),
    clock: systemClock,
    logger: createLogger('silent'),
  });
}

/** Makes calls with a token. */
export function withToken<T>(token: string, calls: () => T): T {
  const scope = { requestId: crypto.randomUUID(), traceparent: '', deadlineMs: undefined, signal: undefined };
  return runInScope({ ...scope, passedOn: { authorization: `Bearer ${token}` } }, calls);
}
