import type { ClientHttp2Session } from 'node:http2';
import { Status } from 'nice-grpc';
import { expect, it, onTestFinished } from 'vitest';
import { createPrometheusMetrics } from '../metrics/prometheus/prometheus-metrics.ts';
import { createAuthenticator } from '../security/identity/create-authenticator.ts';
import { createProcessSecret } from '../security/identity/process-secret.ts';
import { manyForged } from '../security/testing/forged-tokens.ts';
import { createTestIssuer } from '../security/testing/test-issuer.ts';
import { openTokenVerifier } from '../security/tokens/token-verifier.ts';
import { captureLog } from '../testing/captured-log.ts';
import { eventually } from '../testing/eventually.ts';
import { grpcFrame } from '../testing/grpc-frame.ts';
import { systemClock as clock } from '../time/clock.ts';
import { sleep } from '../time/sleep.ts';
import { rawCall, rawConnection } from './testing/raw-call.ts';
import { startEcho } from './testing/start-echo.ts';

/** Serves methods for anybody with a token of an issuer. `warnings` are the lines of the log that always show. */
async function start() {
  const issuer = await createTestIssuer();
  const { logger, lines } = captureLog();
  const metrics = createPrometheusMetrics({ clock, logger });
  const keys = { name: 'test', isLocal: true, refreshMs: 60_000, unknownKeyMs: 1_000, read: async () => issuer.keySet };
  const expected = { issuer: issuer.issuer, audience: issuer.audience, clockSkewMs: 60_000, rolesClaim: 'roles' };
  const tokens = await openTokenVerifier({ ...expected, keys, clock, logger, metrics });
  onTestFinished(() => tokens.close());
  const authenticator = createAuthenticator({ tokens, secret: createProcessSecret(), metrics });
  const served = await startEcho({}, { access: { roles: ['*'] } }, { authenticator });
  const warnings = () => [...lines, ...served.lines].filter(({ level }) => level === 'warn' || level === 'error');
  return { issuer, address: served.address, warnings, metrics };
}

async function connect(address: string): Promise<ClientHttp2Session> {
  const session = await rawConnection(address);
  onTestFinished(() => session.destroy());
  session.on('error', () => undefined);
  return session;
}

/** Keeps the thread busy for `ms` in each turn of the event loop, until the test ends. Returns how many there were. */
function keepBusy(ms: number): () => number {
  let turns = 0;
  let isOver = false;
  onTestFinished(() => {
    isOver = true;
  });
  const turn = () => {
    turns += 1;
    for (const endMs = performance.now() + ms; performance.now() < endMs; );
    if (!isOver) setImmediate(turn);
  };
  turn();
  return () => turns;
}

it('serves a new token while its address floods a busy process with forged ones, with few lines in the log', async () => {
  const { issuer, address, warnings, metrics } = await start();
  const [near, one, other] = await Promise.all([connect(address), connect(address), connect(address)]);
  const call = (session: ClientHttp2Session, token: string) =>
    rawCall(session, '/test.v1.EchoService/One', grpcFrame(Buffer.alloc(0)), {
      authorization: `Bearer ${token}`,
    });
  const users = await Promise.all(['ada', 'bob', 'eve'].map((name) => issuer.sign(name)));
  const forged = manyForged(await issuer.sign('mallory'));

  const turns = keepBusy(10);
  const flood = async (session: ClientHttp2Session) => {
    while (!session.destroyed) {
      const { status } = await call(session, forged.next().value);
      if (status === Status.RESOURCE_EXHAUSTED) await sleep(clock, 1_000);
    }
  };
  // Those that are under way at the end fail.
  for (let index = 0; index < 550; index += 1) flood(index % 2 === 0 ? one : other).catch(() => undefined);
  await eventually(async () => expect((await metrics.scrape()).text).toContain('kind="too_many"'));
  for (const token of users) {
    const startTurns = turns();
    expect((await call(near, token)).status).toBe(Status.OK);
    // How long a turn takes depends on the machine. In line behind the others it would have to wait for 30 and more.
    expect(turns() - startTurns).toBeLessThan(15);
  }
  expect(warnings().map(({ kind }) => kind)).toEqual(expect.arrayContaining(['signature', 'too_many']));
  expect(warnings().length).toBeLessThan(5);
});
