import { createPrometheusMetrics } from '../mesh/metrics/prometheus/prometheus-metrics.ts';
import { createAuthenticator } from '../mesh/security/identity/create-authenticator.ts';
import { createProcessSecret } from '../mesh/security/identity/process-secret.ts';
import { createTestIssuer } from '../mesh/security/testing/test-issuer.ts';
import { tokenAlgorithms } from '../mesh/security/tokens/read-header.ts';
import { openTokenVerifier } from '../mesh/security/tokens/token-verifier.ts';
import { createLogger } from '../mesh/telemetry/logger.ts';
import { systemClock as clock } from '../mesh/time/clock.ts';
import { atMost, type Benchmark, type Figure } from './figure.ts';

const subjects = 1_000;
const calls = 500_000;

/** What it costs a call to find out who makes it by a token that was verified before, for each kind of signature. */
export const benchTokens: Benchmark = async () => {
  const figures: Figure[] = [];
  for (const alg of tokenAlgorithms) {
    const microseconds = await microsecondsOf(alg);
    figures.push(atMost(`authentication of a call by a known token (${alg})`, microseconds, 5, 'µs'));
  }
  return figures;
};

/** The processor time of the authentication of a call, one of a thousand users after the other. */
async function microsecondsOf(alg: (typeof tokenAlgorithms)[number]): Promise<number> {
  const logger = createLogger('silent');
  const metrics = createPrometheusMetrics({ clock, logger });
  const { issuer, audience, keySet, sign } = await createTestIssuer({ alg });
  const expected = { issuer, audience, clockSkewMs: 0, rolesClaim: 'roles' };
  const keys = { name: alg, isLocal: true, refreshMs: 1_000, unknownKeyMs: 1_000, read: async () => keySet };
  const tokens = await openTokenVerifier({ ...expected, keys, clock, logger, metrics });
  const authenticator = createAuthenticator({ tokens, secret: createProcessSecret(), metrics });
  const headers: Buffer[] = [];
  for (let user = 0; user < subjects; user += 1) {
    const token = await sign(`user-${user}`, { claims: { roles: ['customer'] } });
    await tokens.verify(token);
    headers.push(Buffer.from(`Bearer ${token}`));
  }
  const authenticate = (call: number) => {
    // A new text for each call, as it comes from the wire.
    const authorization = headers[call % subjects]?.toString('latin1');
    const textMetadata = (key: string) => (key === 'authorization' ? authorization : undefined);
    if (authenticator.authenticate({ textMetadata }) instanceof Promise) throw new Error('a token was not known');
  };
  for (let call = 0; call < calls / 10; call += 1) authenticate(call);
  const before = process.cpuUsage();
  for (let call = 0; call < calls; call += 1) authenticate(call);
  const { user, system } = process.cpuUsage(before);
  tokens.close();
  return (user + system) / calls;
}
