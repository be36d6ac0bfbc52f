import { beforeAll, describe, expect, it } from 'vitest';
import { createPrometheusMetrics } from '../../metrics/prometheus/prometheus-metrics.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { type Forgeries, forgeTokens } from '../testing/forged-tokens.ts';
import { createTestIssuer, type TestIssuer } from '../testing/test-issuer.ts';
import { openTokenVerifier } from './token-verifier.ts';

const clock = createTestClock();
let issuer: TestIssuer;
let forgeries: Forgeries;

beforeAll(async () => {
  issuer = await createTestIssuer({ now: clock.now });
  forgeries = await forgeTokens(issuer, clock.now());
});

async function openVerifier() {
  const log = captureLog();
  const metrics = createPrometheusMetrics({ clock, logger: log.logger });
  const keys = {
    name: 'test',
    isLocal: true,
    refreshMs: 1_000,
    unknownKeyMs: 1_000,
    read: async () => forgeries.keySet,
  };
  const expected = { issuer: issuer.issuer, audience: issuer.audience, clockSkewMs: 60_000, rolesClaim: 'roles' };
  const verifier = await openTokenVerifier({ ...expected, keys, clock, logger: log.logger, metrics });
  return { verifier, log, metrics };
}

describe('a forged token', () => {
  it('is refused with the same text for all, and another line for each kind', async () => {
    const { verifier } = await openVerifier();
    expect(forgeries.tokens.length).toBeGreaterThanOrEqual(50);
    for (const { name, kind, token } of forgeries.tokens) {
      const { verifier: fresh, log, metrics } = await openVerifier();
      const refused = await Promise.resolve(fresh.verify(token)).then(
        ({ subject }) => `believed: ${subject}`,
        ({ reason, message }) => `${reason} ${message}`,
      );
      expect.soft(refused, name).toBe('INVALID_TOKEN the token is not valid: get a new one from its issuer');
      expect
        .soft(
          log.lines.filter(({ msg }) => msg === 'token refused'),
          name,
        )
        .toMatchObject([{ kind }]);
      expect.soft(JSON.stringify(log.lines), name).not.toContain(token.split('.')[2] || 'no signature');
      expect.soft((await metrics.scrape()).text, name).toContain(`ordermesh_tokens_refused_total{kind="${kind}"} 1`);
    }
    // What the table changes is good without the change.
    expect(await verifier.verify(await issuer.sign('eve'))).toMatchObject({ subject: 'eve' });
  });

  it('has another error than a header without a bearer token', async () => {
    const { verifier, log } = await openVerifier();
    await expect(verifier.verify('')).rejects.toMatchObject({
      reason: 'INVALID_TOKEN',
      message: 'the header authorization has no bearer token: send Bearer, a space and the token',
    });
    const problem = 'is not sent as "authorization: Bearer <token>"';
    expect(log.lines.at(-1)).toMatchObject({ msg: 'token refused', kind: 'not_bearer', problem });
  });

  it('is refused again and again, and does not spoil a good one', async () => {
    const { verifier, log } = await openVerifier();
    const good = await issuer.sign('eve', { claims: { roles: ['operator'] } });
    const forged = `${good.slice(0, -8)}AAAAAAAA`;
    for (let round = 0; round < 3; round += 1) {
      await expect(verifier.verify(forged)).rejects.toMatchObject({ reason: 'INVALID_TOKEN' });
      expect(await verifier.verify(good)).toMatchObject({ subject: 'eve', roles: ['operator'] });
    }
    expect(log.lines.filter(({ msg }) => msg === 'token refused')).toHaveLength(1);
  });

  it('names both clocks in the log if they differ by an hour', async () => {
    const { verifier, log } = await openVerifier();
    const token = await issuer.sign('eve', { claims: { iat: Math.floor(clock.now() / 1_000) + 3_600 } });
    await expect(verifier.verify(token)).rejects.toThrow();
    expect(log.lines.at(-1)).toMatchObject({ problem: 'is issued 3,600 s in the future: check the clocks' });
  });
});
