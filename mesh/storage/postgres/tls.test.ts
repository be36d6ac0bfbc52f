import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { createTestCa, type TestCa } from '../../testing/certificates.ts';
import { type PostgresServer, postgres, startPostgres } from '../../testing/servers/postgres-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import { openStorage } from '../open.ts';

describeWithServer(postgres, 'PostgreSQL with TLS', () => {
  let server: PostgresServer;
  let folder: TempFolder;
  let authority: TestCa;
  beforeAll(async () => {
    folder = await tempFolder();
    server = await startPostgres();
    const [ca, other] = await Promise.all([createTestCa(), createTestCa()]);
    await writeFile(join(folder.path, 'ca.pem'), ca.cert);
    await writeFile(join(folder.path, 'other.pem'), other.cert);
    authority = ca;
    await useCertificate(server.url('postgres'), await ca.sign('127.0.0.1'));
  });
  afterAll(async () => {
    await server.stop();
    await folder[Symbol.asyncDispose]();
  });

  const urlWith = (file: string) =>
    `${server.url('secured')}?sslmode=verify-full&sslrootcert=${join(folder.path, file)}`;
  const sql = 'SELECT ssl AS used FROM pg_stat_ssl WHERE pid = pg_backend_pid()';

  it('is used with the authority of its certificate', async () => {
    const storage = await openStorage(urlWith('ca.pem'));
    await expect(storage.query(sql)).resolves.toEqual([{ used: 1n }]);
    await storage.close();
  });

  it('is not used with another authority', async () => {
    await expect(openStorage(urlWith('other.pem'))).rejects.toThrow(/certificate/);
  });

  it.each([
    ['with the authority of the settings', '?sslmode=verify-full', {}],
    ['because of DATABASE_CA_FILE', '', { isRequired: true }],
  ])('is used %s', async (_title, query, options) => {
    const tls = { trust: { ca: authority.cert, ...authority.issueFor('order') }, ...options };
    const storage = await openStorage(`${server.url('secured')}${query}`, { tls });
    await expect(storage.query(sql)).resolves.toEqual([{ used: 1n }]);
    await storage.close();
  });

  it('is not used with another authority of the settings, and says which setting to change', async () => {
    const { cert: ca } = await createTestCa();
    const opening = openStorage(`${server.url('secured')}?sslmode=verify-full`, { tls: { trust: { ca } } });
    await expect(opening).rejects.toThrow(/127\.0\.0\.1.*DATABASE_CA_FILE/);
  });

  it('is used by new connections of a pool with the authority and the certificate of now', async () => {
    const next = await createTestCa();
    const trust = { ca: authority.cert, ...authority.issueFor('order') };
    const storage = await openStorage(`${server.url('secured')}?sslmode=verify-full`, { tls: { trust }, poolSize: 2 });
    const served = () => storage.query('SELECT pg_sleep(0.2)');
    await served();
    await useCertificate(server.url('postgres'), await next.sign('127.0.0.1'));
    onTestFinished(async () => useCertificate(server.url('postgres'), await authority.sign('127.0.0.1')));
    await expect(Promise.all([served(), served()])).rejects.toThrow(/certificate/);
    Object.assign(trust, { ca: next.cert, ...next.issueFor('order') });
    await expect(Promise.all([served(), served()])).resolves.toHaveLength(2);
    await storage.close();
  });

  it('is not used if the certificate is for another host', async () => {
    const url = server.url('secured').replace('127.0.0.1', 'localhost');
    const opening = openStorage(`${url}?sslmode=verify-full`, { tls: { trust: { ca: authority.cert } } });
    await expect(opening).rejects.toThrow(/certificate is for another host: use a host in DATABASE_URL/);
  });
});

/** The server itself writes the key, because it reads only a key of its own user. */
async function useCertificate(url: string, { key, cert }: { readonly key: string; readonly cert: string }) {
  const client = new pg.Client(url);
  await client.connect();
  for (const [file, content] of [
    ['server.key', key],
    ['server.crt', cert],
  ] as const) {
    const lines = content
      .trim()
      .split('\n')
      .map((line) => `('${line}')`);
    await client.query(`COPY (VALUES ${lines.join()}) TO PROGRAM 'umask 077; cat > ${file}'`);
  }
  await client.query('ALTER SYSTEM SET ssl = on');
  await client.query('SELECT pg_reload_conf()');
  const isOn = async () => (await client.query<{ ssl: string }>('SHOW ssl')).rows[0]?.ssl === 'on';
  while (!(await isOn())) await setTimeout(20);
  await client.end();
}
