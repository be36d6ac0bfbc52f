import { mkdir, rename, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { captureLog } from '../../testing/captured-log.ts';
import { type Certificate, createTestCa } from '../../testing/certificates.ts';
import { eventually } from '../../testing/eventually.ts';
import { tempFolder } from '../../testing/temp-folder.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { tlsFolder } from './testing/tls-folder.ts';
import { type NamedFiles, openTlsFiles } from './tls-files.ts';

const ca = await createTestCa();

/** Opens files, with a clock whose ticks look at them. */
function watch(files: NamedFiles) {
  const { logger, lines } = captureLog();
  const clock = createTestClock(Date.now());
  const opened = openTlsFiles(files, { clock, logger });
  onTestFinished(() => opened.close());
  const changes: string[] = [];
  opened.onChange(() => changes.push(opened.checked.material.cert.toString()));
  /** Lets the files be looked at, which is over when the next look is due. */
  const look = async () => {
    clock.advance(1_000);
    await eventually(() => expect(clock.pendingMs()).toHaveLength(1));
  };
  const warnings = () => lines.filter(({ level }) => level === 'warn').map(({ msg }) => msg);
  return { opened, changes, look, lines, warnings, clock };
}

async function watchedFolder(first: Certificate) {
  const folder = await tlsFolder({ TLS_CERT: first.cert, TLS_KEY: first.key, TLS_CA: ca.cert });
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const named = (variable: string) => ({ variable, path: folder.settings[variable] ?? '' });
  const files = { cert: named('TLS_CERT'), key: named('TLS_KEY'), ca: named('TLS_CA') };
  return { folder, ...watch(files) };
}

describe('watched TLS files', () => {
  const [first, second] = [ca.issueFor('order'), ca.issueFor('order')];

  it('are reloaded when certificate and key have changed, and not before both match', async () => {
    const { folder, opened, changes, look, warnings } = await watchedFolder(first);
    await folder.write({ TLS_CERT: second.cert });
    await look();
    expect(opened.checked.material.cert).toBe(first.cert);
    await folder.write({ TLS_KEY: second.key });
    await look();
    expect(opened.checked.material).toMatchObject(second);
    await look();
    expect(changes).toEqual([second.cert]);
    expect(warnings()).toEqual([]);
  });

  it.each([
    ['empty', { TLS_CERT: '' }, 'TLS_CERT_, which is empty'],
    ['of another pair', { TLS_KEY: second.key }, 'TLS_KEY_, which is not the key'],
    ['expired', ca.issue({ uris: ['spiffe://ordermesh/order'], notAfterMs: Date.now() - 1_000 }), 'expired at'],
  ])(
    'that are %s are named once in the log, and again after a change; the last valid ones stay',
    async (_, texts, problem) => {
      const { folder, opened, look, warnings } = await watchedFolder(first);
      const faulty = 'key' in texts ? { TLS_CERT: texts.cert, TLS_KEY: texts.key } : texts;
      await folder.write(faulty);
      for (let looks = 0; looks < 6; looks += 1) await look();
      const text = problem.replace(
        /^(TLS_\w+)_/,
        (_match, variable: string) => `${variable} names ${folder.settings[variable]}`,
      );
      expect(warnings()).toEqual([expect.stringContaining(text)]);
      expect(warnings()[0]).toMatch(/; the last valid one stays in use$/);
      expect(opened.checked.material).toMatchObject(first);
      await folder.write(faulty);
      for (let looks = 0; looks < 4; looks += 1) await look();
      expect(warnings()).toHaveLength(2);
      await folder.write({ TLS_CERT: second.cert, TLS_KEY: second.key });
      await look();
      expect(opened.checked.material).toMatchObject(second);
    },
  );

  it.each([
    ['a certificate of the future', { notBeforeMs: Date.now() + 60_000 }],
    ['an expired certificate', { notAfterMs: Date.now() - 60_000 }],
  ])('with %s do not delay a revocation', async (_, dates) => {
    const other = ca.issueFor('payment');
    const folder = await tlsFolder({
      TLS_CERT: first.cert,
      TLS_KEY: first.key,
      TLS_CA: ca.cert,
      TLS_CRL: ca.revoke(),
    });
    onTestFinished(() => folder[Symbol.asyncDispose]());
    const named = (variable: string) => ({ variable, path: folder.settings[variable] ?? '' });
    const all = { cert: named('TLS_CERT'), key: named('TLS_KEY'), ca: named('TLS_CA'), crl: named('TLS_CRL') };
    const { opened, look, warnings } = watch(all);
    const { cert, key } = ca.issue({ uris: ['spiffe://ordermesh/order'], ...dates });
    const crl = ca.revoke(other);
    await folder.write({ TLS_CERT: cert, TLS_KEY: key, TLS_CRL: crl });
    await look();
    expect(opened.checked.material).toMatchObject({ ...first, crl });
    expect(opened.refused).toEqual([]);
    for (let looks = 0; looks < 4; looks += 1) await look();
    expect(warnings()).toEqual([expect.stringContaining('TLS_CERT names')]);
    expect(opened.refused).toMatchObject([{ variable: 'TLS_CERT' }]);
    await folder.write({ TLS_CERT: second.cert, TLS_KEY: second.key });
    await look();
    expect(opened.checked.material).toMatchObject({ ...second, crl });
    expect(opened.refused).toEqual([]);
  });

  it('that are removed are named, and used when they are there again', async () => {
    const { folder, opened, look, warnings } = await watchedFolder(first);
    await unlink(folder.settings.TLS_KEY ?? '');
    for (let looks = 0; looks < 4; looks += 1) await look();
    expect(warnings()).toEqual([expect.stringContaining('TLS_KEY.pem, which cannot be read (')]);
    await folder.write({ TLS_CERT: second.cert, TLS_KEY: second.key });
    await look();
    expect(opened.checked.material).toMatchObject(second);
  });

  it('that are moved away are used again when they are back, which is logged', async () => {
    const { folder, opened, look, lines } = await watchedFolder(first);
    await look();
    const path = folder.settings.TLS_KEY ?? '';
    await rename(path, `${path}.away`);
    for (let looks = 0; looks < 4; looks += 1) await look();
    expect(opened.refused).toMatchObject([{ variable: 'TLS_KEY' }]);
    await rename(`${path}.away`, path);
    await look();
    expect(opened.refused).toEqual([]);
    expect(lines.at(-1)).toMatchObject({ settings: ['TLS_KEY'], msg: 'TLS files can be used again' });
  });

  it('are found behind links that Kubernetes swaps', async () => {
    const folder = await tempFolder();
    onTestFinished(() => folder[Symbol.asyncDispose]());
    const path = (...names: string[]) => join(folder.path, ...names);
    const version = async (name: string, { cert, key }: Certificate) => {
      await mkdir(path(name));
      await writeFile(path(name, 'tls.crt'), cert);
      await writeFile(path(name, 'tls.key'), key);
      await symlink(name, path('..data_tmp'));
      await rename(path('..data_tmp'), path('..data'));
    };
    await version('..1', first);
    for (const name of ['tls.crt', 'tls.key']) await symlink(join('..data', name), path(name));
    const { opened, look } = watch({
      cert: { variable: 'TLS_CERT', path: path('tls.crt') },
      key: { variable: 'TLS_KEY', path: path('tls.key') },
    });
    await version('..2', second);
    await look();
    expect(opened.checked.material).toMatchObject(second);
  });

  it('are not looked at after they were closed', async () => {
    const { opened, look, clock } = await watchedFolder(first);
    await look();
    opened.close();
    expect(clock.pendingMs()).toEqual([]);
  });
});
