import { unlink } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ConfigError, readConfig } from '../../config/config.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { createTestCa } from '../../testing/certificates.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { openProcessTls } from './process-tls.ts';
import { openServerTrusts } from './server-trusts.ts';
import { type TlsTexts, tlsFolder } from './testing/tls-folder.ts';

const [mesh, own, other] = await Promise.all(['mesh', 'own', 'other'].map((name) => createTestCa(name)));
if (!mesh || !own || !other) throw new Error('no authorities');
const first = mesh.issueFor('order');

/** Opens the trusts of a process with these files, and a clock whose ticks look at them. */
async function open(texts: TlsTexts, settings: Readonly<Record<string, string>> = {}) {
  const folder = await tlsFolder(texts);
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const config = readConfig({ ...folder.settings, ...settings });
  const { logger, lines } = captureLog();
  const clock = createTestClock(Date.now());
  const tools = { clock, logger };
  const tls = openProcessTls(config, { ...tools, gateway: 'gateway' });
  onTestFinished(() => tls?.close());
  const trusts = openServerTrusts(config, tls, tools);
  onTestFinished(() => trusts.close());
  const trust = trusts.of(config.eventsCa);
  const timers = clock.pendingMs().length;
  const look = async () => {
    clock.advance(1_000);
    await eventually(() => expect(clock.pendingMs()).toHaveLength(timers));
  };
  const messages = () =>
    lines.filter(({ msg }) => /^authorities|names/.test(msg)).map(({ level, msg }) => [level, msg]);
  return { folder, config, trust, trusts, look, messages };
}

describe('a server', () => {
  const identity = { TLS_CERT: first.cert, TLS_KEY: first.key, TLS_CA: mesh.cert };
  const crl = mesh.revoke();

  it.each([
    ['its own setting', { ...identity, TLS_CRL: crl, EVENTS_CA_FILE: own.cert }, {}, { ca: own.cert, ...first }],
    ['TLS_CA and TLS_CRL', { ...identity, TLS_CRL: crl }, {}, { ca: mesh.cert, crl, ...first }],
    ['TLS_CA without a certificate of the process', { TLS_CA: mesh.cert }, {}, { ca: mesh.cert }],
    ['the authorities of Node, if that is set', identity, { EVENTS_CA_FILE: 'node' }, first],
    ['the authorities of Node without settings', {}, {}, {}],
  ])('is checked by %s', async (_, texts, settings, expected) => {
    const { trust } = await open(texts, settings);
    const nothing = { ca: undefined, crl: undefined, cert: undefined, key: undefined };
    expect({ ...trust }).toEqual({ ...nothing, ...expected });
  });

  it('outside of the mesh is not checked by TLS_CA, and gets no certificate', async () => {
    const { trusts, config } = await open({ ...identity, EVENTS_CA_FILE: own.cert });
    expect({ ...trusts.ofOutside(config.eventsCa) }).toEqual({ ca: own.cert });
    expect({ ...trusts.ofOutside(config.tasksCa) }).toEqual({});
  });

  it('is checked by the files as they are now, and gets the certificate of now', async () => {
    const { folder, trust, look, messages } = await open({ ...identity, EVENTS_CA_FILE: own.cert });
    const next = mesh.issueFor('order');
    await folder.write({ TLS_CERT: next.cert, TLS_KEY: next.key, EVENTS_CA_FILE: other.cert });
    await look();
    expect({ ...trust }).toEqual({ ca: other.cert, crl: undefined, ...next });
    expect(messages()).toEqual([['info', 'authorities replaced']]);
  });

  it('is checked by the last certificate and key that match', async () => {
    const { folder, trust, look } = await open(identity);
    await folder.write({ TLS_KEY: mesh.issueFor('order').key });
    await look();
    expect({ ...trust }).toMatchObject(first);
  });

  it.each([['TLS_CA' as const], ['EVENTS_CA_FILE' as const]])(
    'is checked by the last authorities while %s is broken, which is logged once',
    async (setting) => {
      const { folder, trust, trusts, look, messages } = await open({ [setting]: own.cert });
      await folder.write({ [setting]: own.cert.slice(0, -60) });
      for (let looks = 0; looks < 5; looks += 1) await look();
      expect(trust.ca).toBe(own.cert);
      expect(trusts.files()).toEqual([{ setting, problem: expect.stringMatching(`^${setting} names`) }]);
      expect(messages()).toEqual([
        ['warn', expect.stringMatching(`^${setting} names .*; the last valid one stays in use`)],
      ]);
      await folder.write({ [setting]: own.cert });
      await look();
      expect(trusts.files()).toEqual([{ setting, problem: undefined }]);
      expect(messages()[1]).toEqual(['info', 'authorities can be read again']);
      await unlink(folder.settings[setting] ?? '');
      await look();
      await folder.write({ [setting]: other.cert });
      await look();
      expect(trust.ca).toBe(other.cert);
      expect(messages().slice(2)).toEqual([['info', 'authorities replaced']]);
    },
  );

  it('whose authorities cannot be used is named at the start', async () => {
    const { trusts } = await open({});
    const missing = () => trusts.of({ variable: 'EVENTS_CA_FILE', file: '/missing/ca.pem' });
    expect(missing).toThrow(ConfigError);
    expect(missing).toThrow('EVENTS_CA_FILE names /missing/ca.pem, which cannot be read (ENOENT)');
    await expect(open({ TLS_CA: 'garbage' })).rejects.toThrow(/TLS_CA names .*, which has no certificate in PEM/);
  });
});
