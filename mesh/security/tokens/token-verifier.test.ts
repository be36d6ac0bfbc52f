import { describe, expect, it, vi } from 'vitest';
import { createPrometheusMetrics } from '../../metrics/prometheus/prometheus-metrics.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { createTestIssuer, type TestIssuer } from '../testing/test-issuer.ts';
import { tokenAlgorithms } from './read-header.ts';
import { openTokenVerifier, type TokenVerifierOptions } from './token-verifier.ts';

async function openFor(issuer: TestIssuer, changes: Partial<TokenVerifierOptions> = {}) {
  const [{ logger, lines }, clock] = [captureLog(), createTestClock()];
  const set = { text: issuer.keySet };
  const keys = { name: 'test', isLocal: true, refreshMs: 1_000, unknownKeyMs: 1_000, read: async () => set.text };
  const metrics = createPrometheusMetrics({ clock, logger });
  const { issuer: name, audience } = issuer;
  const expected = { issuer: name, audience, clockSkewMs: 60_000, rolesClaim: 'roles' };
  const verifier = await openTokenVerifier({ ...expected, keys, clock, logger, metrics, ...changes });
  return { verifier, clock, set, lines, metrics };
}

const clock = createTestClock();
const issuerOf = (alg: TestIssuer['alg']) => createTestIssuer({ alg, now: clock.now });

describe('a token', () => {
  it.each(tokenAlgorithms)('that is signed with %s is believed', async (alg) => {
    const issuer = await issuerOf(alg);
    const { verifier } = await openFor(issuer);
    const subject = await verifier.verify(await issuer.sign('eve', { claims: { aud: ['a', 'ordermesh'] } }));
    expect(subject).toEqual({ subject: 'eve', roles: [], expiresMs: clock.now() + 360_000 });
  });

  it.each([
    ['a list', 'roles', { roles: ['operator', 'admin'] }, ['operator', 'admin']],
    ['a text', 'scope', { scope: 'operator  admin' }, ['operator', 'admin']],
    ['an object', 'realm_access.roles', { realm_access: { roles: ['operator'] } }, ['operator']],
    ['a claim whose name is a URL', 'https://a.b/roles', { 'https://a.b/roles': ['x'] }, ['x']],
    ['nothing', 'constructor.name', {}, []],
  ])('has the roles of %s', async (_, rolesClaim, claims, roles) => {
    const issuer = await issuerOf('ES256');
    const { verifier } = await openFor(issuer, { rolesClaim });
    expect(await verifier.verify(await issuer.sign('eve', { claims }))).toMatchObject({ roles });
  });

  it('is believed within the skew of the clocks, and verified once', async () => {
    const issuer = await issuerOf('ES256');
    const { verifier, clock: own } = await openFor(issuer);
    const token = await issuer.sign('eve', { claims: { nbf: clock.now() / 1_000 + 59 } });
    const [subject, same] = await Promise.all([verifier.verify(token), verifier.verify(token)]);
    expect(same).toBe(subject);
    expect(verifier.verify(token)).toBe(subject);
    own.advance(359_999);
    expect(verifier.verify(token)).toBe(subject);
    own.advance(1);
    await expect(verifier.verify(token)).rejects.toMatchObject({ reason: 'INVALID_TOKEN' });
  });

  it('is not believed once its key has left the set', async () => {
    const issuer = await issuerOf('ES256');
    const { verifier, clock: own, set } = await openFor(issuer);
    const token = await issuer.sign('eve');
    await verifier.verify(token);
    set.text = (await issuerOf('ES256')).keySet;
    own.advance(1_000);
    await eventually(async () => expect(async () => await verifier.verify(token)).rejects.toThrow('is not valid'));
  });

  it('of a set that is the same in another order stays verified', async () => {
    const issuer = await issuerOf('ES256');
    const { verifier, clock: own, set, lines } = await openFor(issuer);
    const token = await issuer.sign('eve');
    const subject = await verifier.verify(token);
    set.text = JSON.stringify({
      keys: [(await issuerOf('EdDSA')).jwk, issuer.jwk].map((jwk, n) => ({ ...jwk, n, kid: `key-${2 - n}` })),
    });
    own.advance(1_000);
    await eventually(() => expect(lines.filter(({ msg }) => String(msg).includes('loaded'))).toHaveLength(2));
    expect(verifier.verify(token)).toBe(subject);
  });
});

describe('a forged token', () => {
  it('costs one verification in 10 s, and the log has its sender', async () => {
    const [issuer, forger] = await Promise.all([issuerOf('ES256'), issuerOf('ES256')]);
    const { verifier, clock: own, lines } = await openFor(issuer);
    const token = await forger.sign('eve');
    const verify = vi.spyOn(crypto.subtle, 'verify');
    const refused = () => expect(verifier.verify(token, { peer: '192.0.2.7:1234' })).rejects.toThrow('is not valid');
    for (let count = 0; count < 3; count += 1) await refused();
    expect(verify).toHaveBeenCalledTimes(1);
    own.advance(10_000);
    await refused();
    expect(verify).toHaveBeenCalledTimes(2);
    verify.mockRestore();
    expect(lines.filter(({ msg }) => msg === 'token refused')[0]).toMatchObject({
      kind: 'signature',
      peer: '192.0.2.7:1234',
    });
  });

  it('is counted and logged if too many wait, and one that several calls wait for is not passed over', async () => {
    const [issuer, forger] = await Promise.all([issuerOf('ES256'), issuerOf('ES256')]);
    const { verifier, lines, metrics } = await openFor(issuer);
    const forged = await Promise.all(Array.from({ length: 16 + 500 + 3 }, (_, index) => forger.sign(`eve-${index}`)));
    const flood = Promise.allSettled(forged.map(async (token) => verifier.verify(token, { peer: '192.0.2.7:1' })));
    const token = await issuer.sign('ada');
    const peer = '192.0.2.7:2';
    const waiting = [true, false].map((isOver) => verifier.verify(token, { peer, isOver }));
    expect(await Promise.all(waiting)).toMatchObject([{ subject: 'ada' }, { subject: 'ada' }]);
    const reasons = (await flood).map((end) => end.status === 'rejected' && end.reason.reason);
    const tooMany = reasons.filter((reason) => reason === 'TOO_MANY_TOKENS').length;
    expect(tooMany).toBeGreaterThanOrEqual(3);
    const text = `ordermesh_tokens_refused_total{kind="too_many"} ${tooMany}`;
    expect((await metrics.scrape()).text).toContain(text);
    expect(lines.filter(({ kind }) => kind === 'too_many')).toMatchObject([{ peer: '192.0.2.7:1' }]);
  });
});
