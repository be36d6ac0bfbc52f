import { describe, expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../config/config.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { createTestCa } from '../../testing/certificates.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { openProcessTls } from './process-tls.ts';
import { tlsFolder } from './testing/tls-folder.ts';

function open(settings: Readonly<Record<string, string>>, clock = createTestClock()) {
  const { logger, lines } = captureLog();
  const tls = openProcessTls(readConfig(settings), { clock, logger, gateway: 'gateway' });
  return { tls, lines };
}

describe('without TLS_CERT', () => {
  it.each([
    ['TLS_CRL', 'crl.pem', /TLS_CRL needs TLS_CERT/],
    ['TLS_SERVICE_ID', 'spiffe://<trust domain>/sa/<service>', /TLS_SERVICE_ID needs TLS_CERT/],
    ['TLS_KEY', 'key.pem', /TLS_KEY needs TLS_CERT/],
  ])('%s is refused', (variable, value, problem) => {
    expect(() => open({ TLS_CA: 'ca.pem', [variable]: value })).toThrow(problem);
  });

  it('TLS_CA is for the servers that the process uses, which is logged', () => {
    const { tls, lines } = open({ TLS_CA: 'ca.pem' });
    expect(tls).toBeUndefined();
    expect(lines).toMatchObject([{ level: 'info', msg: expect.stringMatching(/the listeners .* have no TLS/) }]);
    expect(open({}).lines).toEqual([]);
  });
});

describe('the certificate of a process', () => {
  const names = { own: ['order', 'gateway'], isCalled: true, known: new Set(['order', 'payment', 'gateway']) };

  /**
   * Opens files with the certificate of this name. `rename` replaces it, and resolves when the files were looked at.
   */
  async function openFor(first: string) {
    const ca = await createTestCa();
    const filesOf = (name: string) => {
      const { cert, key } = ca.issueFor(name);
      return { TLS_CERT: cert, TLS_KEY: key };
    };
    const folder = await tlsFolder({ ...filesOf(first), TLS_CA: ca.cert });
    onTestFinished(() => folder[Symbol.asyncDispose]());
    const clock = createTestClock(Date.now());
    const { tls, lines } = open(folder.settings, clock);
    if (tls === undefined) throw new Error('there is a certificate');
    onTestFinished(() => tls.close());
    const rename = async (name: string) => {
      await folder.write(filesOf(name));
      for (let looks = 0; looks < 3; looks += 1) {
        clock.advance(1_000);
        await eventually(() => expect(clock.pendingMs()).toHaveLength(1));
      }
    };
    return { tls, lines, rename };
  }

  it.each(['payment', 'program/report', 'gateway'])('is not replaced by that of %s', async (name) => {
    const { tls, lines, rename } = await openFor('order');
    tls.requireOwnName(names);
    await rename(name);
    expect(tls.service).toBe('order');
    expect(lines).toMatchObject([
      {
        level: 'warn',
        msg: expect.stringMatching(/but this process has begun with spiffe:.*order: use that, or restart it/),
      },
    ]);
    await rename('order');
    expect(lines.slice(1)).toMatchObject([{ level: 'info' }, { level: 'info' }]);
  });

  it('may have the name of a whole mesh, and keep it', async () => {
    const { tls, rename } = await openFor('mesh');
    tls.requireOwnName(names);
    const { current } = tls.identity;
    await rename('mesh');
    expect(tls.identity.current).not.toEqual(current);
    await rename('other');
    expect(tls.service).toBe('mesh');
  });

  it('is refused if it is of another service, and a warning if it is of none and others call the process', async () => {
    const { tls: other } = await openFor('payment');
    expect(() => other.requireOwnName(names)).toThrow('names the service payment, which this process is not');
    const { tls, lines } = await openFor('program/report');
    tls.requireOwnName({ ...names, isCalled: false });
    expect(lines).toEqual([]);
    tls.requireOwnName(names);
    expect(lines).toMatchObject([{ level: 'warn', msg: expect.stringContaining('names no service') }]);
  });
});
