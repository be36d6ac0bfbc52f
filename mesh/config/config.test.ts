import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../testing/temp-folder.ts';
import { ConfigError, databaseUrlOf, readConfig } from './config.ts';
import { urlSetting } from './setting.ts';

describe('readConfig', () => {
  it('gives everything a default that runs with nothing else installed', () => {
    const config = readConfig({});
    expect(config).toMatchObject({
      dataDir: 'data',
      eventsUrl: 'embedded:data/events.db',
      tasksUrl: 'embedded:data/tasks.db',
      grpcListen: '127.0.0.1:50051',
      metricsListen: '',
      logLevel: 'info',
      drainTimeoutMs: 25_000,
    });
    expect(databaseUrlOf(config, 'order')).toBe('sqlite:data/order.db');
  });

  it('puts every default below the data folder that was chosen', () => {
    const config = readConfig({ DATA_DIR: '/var/lib/ordermesh' });
    expect(databaseUrlOf(config, 'user')).toBe('sqlite:/var/lib/ordermesh/user.db');
    expect(config.eventsUrl).toBe('embedded:/var/lib/ordermesh/events.db');
    expect(config.tasksUrl).toBe('embedded:/var/lib/ordermesh/tasks.db');
  });

  it('takes an empty variable for one that is not set', () => {
    expect(readConfig({ LOG_LEVEL: '' }).logLevel).toBe('info');
  });

  it.each(['TLS_CERT', 'TLS_KEY', 'HTTP_TLS_KEY', 'EVENTS_CA_FILE', 'AUTH_JWKS'])(
    'refuses %s with content in place of the path, and does not show it',
    (variable) => {
      for (const content of [
        '-----BEGIN EC PRIVATE KEY-----\ns3cret',
        '-----BEGIN PRIVATE KEY-----s3cret',
        `s3cret${'A'.repeat(100)}`,
        '{"d":"s3cret"}',
      ]) {
        const read = () => readConfig({ [variable]: content });
        expect(read).toThrow(`${variable} has the content of a file (not shown here) in place of its path`);
        expect(read).not.toThrow(/s3cret/);
      }
    },
  );

  it('takes long paths and those with an @, { or = for paths', () => {
    for (const path of [`/${'folder/'.repeat(20)}key`, '/run/keys@2/tls', '/run/{pod}/token=x', 'data/certs/order.key'])
      expect(readConfig({ TLS_KEY: path }).tlsKey).toBe(path);
  });

  it('cannot be changed', () => {
    expect(Object.isFrozen(readConfig({}))).toBe(true);
  });

  it('reports all faults together, each with its value and what it may be', () => {
    const read = () =>
      readConfig({ LOG_LEVEL: 'loud', GRPC_LISTEN: 'localhost:99999', EVENTS_URL: 'ftp://x', DRAIN_TIMEOUT_MS: '-1' });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(/LOG_LEVEL is "loud", but must be trace, debug/);
    expect(read).toThrow(/GRPC_LISTEN is "localhost:99999"/);
    expect(read).toThrow(/EVENTS_URL is "ftp:\/\/x", but must be embedded:<path>/);
    expect(read).toThrow(/DRAIN_TIMEOUT_MS is "-1"/);
  });

  it('reports misspelt names with the faults, and not alone', () => {
    const read = () => readConfig({ LOG_LEVEL: 'loud', DATADIR: 'x' });
    expect(read).toThrow(/LOG_LEVEL is "loud".*\nDATADIR is not a setting: did you mean DATA_DIR\?$/);
    expect(() => readConfig({ DATADIR: 'x' })).not.toThrow();
  });

  it('does not repeat a password', () => {
    const read = () => readConfig({ EVENTS_URL: 'amqp://me:s/cr@t@host/x' });
    expect(read).toThrow(/"amqp:\/\/me:\*\*\*@host\/x"/);
  });

  it.each([
    { TASKS_URL: 'amqp//u:s3cret@h' },
    { DATABASE_URL: 'me:s3cret@127.0.0.1:55439/mesh_<service>' },
    { DATABASE_URL: 'postgres://me:s3cret@127.0.0.1:55439/mesh_<service>?ssl=0' },
    { DATABASE_URL: 'postgres://me:s3cret@127.0.0.1:55439/mesh_<service>?sslmode=disable&query_timeout=5000' },
    { DATABASE_URL: 'postgres:/me:s3cret@127.0.0.1:55439/mesh_<service>' },
    { DATABASE_URL: 'postgres:///me:s3cret@127.0.0.1/mesh_<service>' },
    { DATABASE_URL: 'postgres://me:s/3cret@127.0.0.1/mesh_<service>' },
    { DATABASE_DIRECT_URL: 'postgres:me:s3cret@127.0.0.1/x' },
    { EVENTS_URL: 'u:s3cret@127.0.0.1:9092' },
    { MAIL_URL: 'smtp:/me:s3cret@mail:25' },
    { CARRIER_URL: 'https//me:s3cret@carrier/?token=s3cret' },
  ])('refuses %o without its password', (environment) => {
    const service = ['MAIL_URL', 'CARRIER_URL'].map((variable) =>
      urlSetting(variable, { default: 'file:x', allowed: 'a URL', local: ['file'], remote: ['smtp', 'https'] }),
    );
    const read = () => readConfig(environment, { settings: service });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(/\*\*\*@/);
    expect(read).not.toThrow(/3cret/);
  });

  it('says what to set in place of `query_timeout`', () => {
    const read = () => readConfig({ DATABASE_URL: 'postgres://me@127.0.0.1/mesh_<service>?query_timeout=5000' });
    expect(read).toThrow(/statement_timeout in place of query_timeout/);
  });

  it.each([
    'postgres://me:secret@10.0.0.1:5432/mesh_<service>?sslmode=verify-full&statement_timeout=5000',
    'postgresql://me@<service>.internal/orders',
    'postgres:///mesh_<service>?host=/run/postgresql',
  ])('takes %s for the databases', (text) => {
    expect(readConfig({ DATABASE_URL: text, DATABASE_DIRECT_URL: text }).databaseUrl).toBe(text);
  });

  it.each([
    { TASKS_URL: 'amqp://rabbitmq:5672' },
    { TASKS_URL: 'amqps://me:secret@rabbitmq.internal/%2Fmail' },
    { TASKS_URL: 'sqs://eu-central-1/prod-?queues=existing' },
    { TASKS_URL: 'off' },
  ])('takes %o', (environment) => {
    expect(() => readConfig(environment)).not.toThrow();
  });

  it.each([{ TASKS_URL: 'amqp:' }, { TASKS_URL: 'smtp://host' }, { TASKS_URL: 'sqs://AKIA:secret@eu-central-1' }])(
    'refuses %o',
    (environment) => {
      expect(() => readConfig(environment)).toThrow(ConfigError);
    },
  );

  it.each(['kafka://localhost:9092', 'kafka://a.internal:9092,b.internal:9093'])('takes %s for the events', (text) => {
    expect(readConfig({ EVENTS_URL: text }).eventsUrl).toBe(text);
  });

  it.each(['kafka:', 'kafka://', 'kafka://a', 'kafka://a:9092,', 'kafka:a:9092'])(
    'refuses %s for the events',
    (text) => {
      expect(() => readConfig({ EVENTS_URL: text })).toThrow(/EVENTS_URL .*<host>:<port>/);
    },
  );

  it.each([
    'kafka+ssl://a:9093,b:9093',
    'kafka+ssl://me:s%2Fcr%40t@a:9093,b:9093?mechanism=plain',
    'kafka://me:secret@[::1]:9092?mechanism=scram-sha-256',
    'kafka+ssl://me:s/cr@t@a:9093',
  ])('takes %s for the events', (text) => {
    expect(readConfig({ EVENTS_URL: text }).eventsUrl).toBe(text);
  });

  it.each([
    'kafka+tls://a:9093',
    'kafka+ssl://me@a:9093',
    'kafka+ssl://me:@a:9093',
    'kafka+ssl://me:%zz@a:9093',
    'kafka+ssl://me:secret@a',
    'kafka+ssl://me:secret@a:9093?mechanism=gssapi',
    'kafka+ssl://a:9093?mechanism=plain',
    'kafka+ssl://me:secret@a:9093?user=me',
  ])('refuses %s for the events, without its password', (text) => {
    const read = () => readConfig({ EVENTS_URL: text });
    expect(read).toThrow(/EVENTS_URL .*kafka\[\+ssl\]:/);
    expect(read).not.toThrow(/secret/);
  });

  it.each([
    { EVENTS_COMPRESSION: 'brotli' },
    { EVENTS_PARTITIONS: '0' },
    { EVENTS_PARTITIONS: '1001' },
    { EVENTS_RETENTION_MS: '3599999' },
    { EVENTS_CA_FILE: '/missing/ca.pem' },
    { TASKS_CA_FILE: import.meta.dirname },
  ])('refuses %o', (environment) => {
    expect(() => readConfig(environment)).toThrow(ConfigError);
  });

  it('reads the certificates of authorities from their file', async () => {
    await using folder = await tempFolder();
    const file = join(folder.path, 'ca.pem');
    await writeFile(file, '-----BEGIN CERTIFICATE-----');
    expect(readConfig({ EVENTS_CA_FILE: file }).eventsCa).toEqual({ variable: 'EVENTS_CA_FILE', file });
    expect(readConfig({}).tasksCa).toEqual({ variable: 'TASKS_CA_FILE' });
  });

  it.each(['127.0.0.1:9464', '[::1]:0', '0.0.0.0:9464'])('takes %s as the address of the metrics', (text) => {
    expect(readConfig({ METRICS_LISTEN: text }).metricsListen).toBe(text);
  });

  it.each(['9464', ':9464', 'localhost', 'localhost:65536'])('refuses %s as the address of the metrics', (text) => {
    expect(() => readConfig({ METRICS_LISTEN: text })).toThrow(/^METRICS_LISTEN is ".*", but must be .*, or empty$/);
  });

  it('says what is wrong with a discovery, without its password', () => {
    expect(() => readConfig({ DISCOVERY_URL: 'eureka://ada:secret@registry' })).toThrow(
      /^DISCOVERY_URL is "eureka:\/\/ada:\*\*\*@registry", which has the address "registry": use <host>:<port>$/,
    );
  });

  describe('with the settings of services', () => {
    const greeting = { variable: 'GREETING', default: '<DATA_DIR>/hello', allowed: 'a path', parse: pathOf };

    it('reads them in the same pass, with defaults below the data folder', () => {
      expect(readConfig({}, { settings: [greeting] }).get(greeting)).toBe('data/hello');
      expect(readConfig({ GREETING: 'a/b' }, { settings: [greeting] }).get(greeting)).toBe('a/b');
    });

    it('reports their faults with all others', () => {
      const read = () => readConfig({ GREETING: 'hi', LOG_LEVEL: 'loud' }, { settings: [greeting] });
      expect(read).toThrow(/LOG_LEVEL is "loud".*\nGREETING is "hi", but must be a path$/);
    });

    it('has no value of a setting that it was not given', () => {
      expect(() => readConfig({}).get(greeting)).toThrow(/GREETING was not read/);
    });

    function pathOf(text: string): string | undefined {
      return text.includes('/') ? text : undefined;
    }
  });
});
