import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { MeshError } from '../../errors/mesh-error.ts';
import { createTestCa } from '../../testing/certificates.ts';
import { freePort } from '../../testing/servers/free-port.ts';
import { type PostgresServer, postgres, startPostgres } from '../../testing/servers/postgres-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { tempFolder } from '../../testing/temp-folder.ts';
import { hintOf } from './hints.ts';
import { openPostgres } from './postgres.ts';

describeWithServer(postgres, 'the error of a PostgreSQL database that cannot be opened', () => {
  let server: PostgresServer;
  let withTls: PostgresServer;
  let authority: string;

  beforeAll(async () => {
    const ca = await createTestCa();
    authority = ca.cert;
    const hba = [
      'host all postgres all trust',
      'host all trusted all trust',
      'host all creator all trust',
      'host all nobody all trust',
      'host all by_scram all scram-sha-256',
      'host all by_md5 all md5',
      'host all in_clear all password',
      'host all rejected all reject',
      'hostssl all tls_only all trust',
    ];
    server = await startPostgres({ hba, settings: ['max_connections=8'] });
    withTls = await startPostgres({ hba, certificate: await ca.sign('127.0.0.1') });
    for (const each of [server, withTls]) {
      const client = new pg.Client({ connectionString: each.url('postgres') });
      await client.connect();
      await client.query(`
        CREATE ROLE trusted LOGIN; CREATE ROLE creator NOLOGIN; CREATE ROLE tls_only LOGIN; CREATE ROLE rejected LOGIN;
        SET password_encryption = 'scram-sha-256'; CREATE ROLE by_scram LOGIN PASSWORD 'right';
        CREATE ROLE in_clear LOGIN PASSWORD 'right';
        SET password_encryption = 'md5'; CREATE ROLE by_md5 LOGIN PASSWORD 'right'`);
      await client.end();
    }
  });
  afterAll(async () => {
    await server.stop();
    await withTls.stop();
  });

  /** The URL of the database `postgres` for a user. */
  function urlOf(user: string, { of = server, database = 'postgres' } = {}): string {
    return of.url(database).replace('postgres@', `${user}@`);
  }

  /** The message of the error, which names the server and never the password. */
  async function failure(
    url: string,
    connectTimeoutMs = 10_000,
  ): Promise<{ readonly reason: string; readonly text: string }> {
    const error = await openPostgres(url, { connectTimeoutMs }).then(
      (storage) => storage.close().then(() => expect.fail(`${url} was opened`)),
      (reason: unknown) => reason,
    );
    const { reason, message, host } = error as MeshError;
    expect(host).toBe(new URL(url).host);
    expect(message).toContain(`database ${new URL(url).host}${new URL(url).pathname} `);
    expect(message).not.toContain('wrong-password');
    return { reason, text: message };
  }

  it.each<[string, () => string, string, RegExp]>([
    [
      'a missing password',
      () => urlOf('by_scram'),
      'STORAGE_MISCONFIGURED',
      /rejects this user: .* the server asks for a password: add it to DATABASE_URL/,
    ],
    [
      'a missing password with md5',
      () => urlOf('by_md5'),
      'STORAGE_MISCONFIGURED',
      /rejects this user: .*(asks for a password: add it|fix them in DATABASE_URL)/,
    ],
    [
      'a missing password in clear',
      () => urlOf('in_clear'),
      'STORAGE_MISCONFIGURED',
      /rejects this user: .*(asks for a password: add it|fix them in DATABASE_URL)/,
    ],
    ...['by_scram', 'by_md5', 'in_clear'].map((user): [string, () => string, string, RegExp] => [
      `a wrong password (${user})`,
      () => urlOf(`${user}:wrong-password`),
      'STORAGE_MISCONFIGURED',
      new RegExp(`password authentication failed for user "${user}"; the user or its password is wrong`),
    ]),
    [
      'an unknown user',
      () => urlOf('nobody'),
      'STORAGE_MISCONFIGURED',
      /role "nobody" does not exist; fix the user in DATABASE_URL, or create it/,
    ],
    [
      'a user that may not log in',
      () => urlOf('creator'),
      'STORAGE_MISCONFIGURED',
      /role "creator" is not permitted to log in; fix the user and password/,
    ],
    [
      'an unknown database that the user may not create',
      () => urlOf('trusted', { database: 'missing' }),
      'STORAGE_MISCONFIGURED',
      /permission denied to create database; the database does not exist: create it, or give this user the right CREATEDB/,
    ],
    [
      'a user without an entry in pg_hba.conf',
      () => urlOf('stranger', { of: withTls }),
      'STORAGE_MISCONFIGURED',
      /no pg_hba.conf entry for host .*; if the server accepts this user over TLS only, add \?sslmode=verify-full/,
    ],
    [
      'a user that pg_hba.conf rejects',
      () => urlOf('rejected'),
      'STORAGE_MISCONFIGURED',
      /pg_hba.conf rejects connection .*; allow this user, database and address in pg_hba.conf/,
    ],
    [
      'a server that demands TLS',
      () => urlOf('tls_only', { of: withTls }),
      'STORAGE_MISCONFIGURED',
      /no encryption; if the server accepts this user over TLS only, add \?sslmode=verify-full to DATABASE_URL/,
    ],
    [
      'a server without TLS',
      () => `${urlOf('trusted')}?sslmode=verify-full`,
      'STORAGE_UNAVAILABLE',
      /does not support SSL connections; the server has no TLS: remove sslmode from DATABASE_URL/,
    ],
    [
      'a certificate that is not trusted',
      () => `${urlOf('trusted', { of: withTls })}?sslmode=verify-full`,
      'STORAGE_UNAVAILABLE',
      /certificate.*; the server's certificate is not trusted: name its authority with DATABASE_CA_FILE, or with sslrootcert/,
    ],
    [
      'an unknown host',
      () => 'postgres://trusted@no-such-host.invalid/orders',
      'STORAGE_UNAVAILABLE',
      /cannot be used: .*no-such-host.invalid; the name of the host is not known: fix it in DATABASE_URL/,
    ],
  ])('says what to do about %s', async (_, url, reason, text) => {
    const failed = await failure(url());
    expect(failed).toEqual({ reason, text: expect.stringMatching(text) });
  });

  it('says what to do about a port at which nothing listens', async () => {
    const { text } = await failure(`postgres://trusted@127.0.0.1:${await freePort()}/orders`);
    expect(text).toMatch(/ECONNREFUSED .*; nothing accepts connections there: start PostgreSQL, or fix host and port/);
  });

  it('says what to do about a host that does not answer', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    onTestFinished(() => void silent.close());
    await once(silent, 'listening');
    const url = `postgres://trusted@127.0.0.1:${(silent.address() as AddressInfo).port}/orders`;
    const { text } = await failure(url, 500);
    expect(text).toMatch(/timeout.*; the server does not answer: check host and port in DATABASE_URL/);
  });

  it('says what to do about a server that accepts no more connections', async () => {
    const clients = Array.from({ length: 5 }, () => new pg.Client({ connectionString: urlOf('trusted') }));
    onTestFinished(async () => void (await Promise.all(clients.map((client) => client.end()))));
    for (const client of clients) await client.connect();
    const { reason, text } = await failure(urlOf('trusted'));
    expect(reason).toBe('STORAGE_UNAVAILABLE');
    expect(text).toMatch(/; the server accepts no more connections: lower DATABASE_POOL_SIZE, raise its limit, or put/);
  });

  it('names settings with which a server with TLS is opened', async () => {
    await using folder = await tempFolder();
    const file = join(folder.path, 'ca.pem');
    await writeFile(file, authority);
    const url = `${urlOf('tls_only', { of: withTls })}?sslmode=verify-full&sslrootcert=${file}`;
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.end();
  });

  it('says what to do if all connections of the process are in use', async () => {
    const storage = await openPostgres(server.url('busy'), { poolSize: 2, connectTimeoutMs: 2_000 });
    onTestFinished(() => storage.close());
    const held = Promise.withResolvers<void>();
    const holding = [1, 2].map(() => storage.transaction(() => held.promise));
    await expect(storage.query('SELECT 1')).rejects.toThrow(
      /cannot be used: all 2 connections of this process were in use for 2 s; raise DATABASE_POOL_SIZE, or find what/,
    );
    held.resolve();
    await Promise.all(holding);
    await storage.query('SELECT 1');
  });
});

describe('the hint', () => {
  it.each([
    ['57P03', 'wait until the server accepts connections; it continues by itself'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /is for another host: use a host in DATABASE_URL that is in it/],
    ['CERT_HAS_EXPIRED', /is not valid now: renew it, or check the clocks/],
    ['CERT_NOT_YET_VALID', /is not valid now: renew it, or check the clocks/],
    ['SELF_SIGNED_CERT_IN_CHAIN', /is not trusted: name its authority with DATABASE_CA_FILE, or with sslrootcert/],
  ])('names the remedy for an error with the code %s', (code, remedy) => {
    expect(hintOf(Object.assign(new Error('refused'), { code }))?.remedy).toMatch(remedy);
  });
});
