import { once } from 'node:events';
import { Agent, type AgentOptions, get } from 'node:https';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ConnectionEnd, noObserver } from '../engines/host-observer.ts';
import { ChangingIdentity } from '../engines/suite/tls/changing-identity.ts';
import { checkTestPeer } from '../engines/suite/tls/tls-host.ts';
import { captureLog } from '../testing/captured-log.ts';
import { eventually } from '../testing/eventually.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { TestAuthority } from '../testing/x509/test-authority.ts';
import { listenForScrapes } from './listener.ts';
import { createPrometheusMetrics } from './prometheus/prometheus-metrics.ts';

const ca = TestAuthority.create();

async function start() {
  const { logger } = captureLog();
  const metrics = createPrometheusMetrics({ clock: createTestClock(), logger });
  const identity = new ChangingIdentity({ ...ca.issueFor('user'), ca: ca.cert });
  const ended: ConnectionEnd[] = [];
  const observer = { ...noObserver, connectionEnded: (end: ConnectionEnd) => void ended.push(end) };
  const tls = { identity, clients: 'required', checkPeer: checkTestPeer } as const;
  const { port, close } = await listenForScrapes(metrics, '127.0.0.1:0', { logger, tls, observer });
  onTestFinished(close);
  return { port, identity, ended };
}

/** Scrapes over the connections of `agent`, which stay open. */
async function scrape(port: number, agent: Agent): Promise<string> {
  const [response] = await once(get({ host: '127.0.0.1', port, path: '/metrics', agent }), 'response');
  return await text(response);
}

function agentOf(options: AgentOptions): Agent {
  const agent = new Agent({ ca: ca.cert, keepAlive: true, ...options });
  onTestFinished(() => agent.destroy());
  return agent;
}

describe('the metrics listener with TLS', () => {
  it.each([
    ['no certificate', {}, 'tls_no_certificate'],
    ['one without a SPIFFE id', ca.issue({ commonName: 'prometheus' }), 'tls_identity'],
    ['one of another CA', TestAuthority.create('other CA').issueFor('prometheus'), 'tls_untrusted'],
  ])('refuses a client with %s, and reports it', async (_, certificate, reason) => {
    const { port, ended } = await start();
    await expect(scrape(port, agentOf(certificate))).rejects.toThrow();
    await eventually(() => expect(ended).toMatchObject([{ reason }]));
  });

  it('ends the open connection of a client that is revoked', async () => {
    const { port, identity, ended } = await start();
    const prometheus = ca.issueFor('prometheus');
    const agent = agentOf(prometheus);
    expect(await scrape(port, agent)).toBeDefined();
    identity.change({ crl: ca.revoke(prometheus) });
    expect(ended).toMatchObject([{ service: 'prometheus', reason: 'tls_revoked' }]);
    await expect(scrape(port, agent)).rejects.toThrow();
  });

  it('has a limit of connections for each address', async () => {
    const { port, ended } = await start();
    const sockets: Socket[] = [];
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    for (let count = 0; count < 152; count += 1) {
      sockets.push(connect(port, '127.0.0.1').on('error', () => undefined));
    }
    // 100 above the limit get an answer after their handshakes.
    await eventually(() => expect(ended).toMatchObject(Array(2).fill({ reason: 'too_many_of_address' })));
  });
});
