import { describe, expect, it } from 'vitest';
import { readConfig } from '../config/config.ts';
import { captureLog } from '../testing/captured-log.ts';
import { plainPasswords, plainServers, warnOfPlainPasswords } from './plain-passwords.ts';

describe('servers without TLS', () => {
  const open = {
    DATABASE_URL: 'postgres://mesh@10.0.0.5/<service>',
    DATABASE_DIRECT_URL: 'postgres://mesh@10.0.0.5/<service>?sslmode=disable',
    EVENTS_URL: 'kafka://u:p@10.0.0.6:9092',
    TASKS_URL: 'amqp://10.0.0.7',
    DISCOVERY_URL: 'eureka://registry:8761',
  };

  it('on other machines are named, with a password or not', () => {
    expect(plainServers(readConfig(open))).toEqual(Object.keys(open));
    expect(plainServers(readConfig({ DATABASE_URL: 'postgres:///x?host=10.0.0.5' }))).toEqual(['DATABASE_URL']);
    expect(plainServers(readConfig({ DISCOVERY_URL: 'consul://registry:8500' }))).toEqual(['DISCOVERY_URL']);
  });

  it.each([
    {},
    { DATABASE_URL: 'postgres://db/x?sslmode=require', TASKS_URL: 'amqp://localhost' },
    { DATABASE_URL: 'postgres:///x?host=/run/postgresql', EVENTS_URL: 'kafka+ssl://10.0.0.6:9092' },
  ])('are not the case of %j', (environment) => {
    expect(plainServers(readConfig(environment))).toEqual([]);
  });

  it('are databases only if no setting says who signs their certificates, or their URL forbids TLS', () => {
    const named = (environment: Readonly<Record<string, string>>) =>
      plainServers(readConfig({ DATABASE_URL: open.DATABASE_URL, TLS_CA: '/ca.pem', ...environment }));
    expect(named({})).toEqual([]);
    expect(named({ DATABASE_CA_FILE: 'node' })).toEqual(['DATABASE_URL']);
    expect(named({ DATABASE_URL: `${open.DATABASE_URL}?sslmode=disable` })).toEqual(['DATABASE_URL']);
  });

  it('are a warning once the process has a certificate', () => {
    const { logger, lines } = captureLog();
    warnOfPlainPasswords(readConfig({ TASKS_URL: open.TASKS_URL }), logger);
    expect(lines).toEqual([]);
    warnOfPlainPasswords(readConfig({ TASKS_URL: open.TASKS_URL, TLS_CERT: '/cert.pem' }), logger);
    expect(lines).toMatchObject([{ level: 'warn', settings: ['TASKS_URL'] }]);
  });
});

describe('passwords without TLS', () => {
  it.each([
    { DATABASE_URL: 'postgres://me:secret@db:5432/<service>' },
    { DATABASE_URL: 'postgres://me:secret@<service>.db/x?sslmode=disable' },
    { DATABASE_DIRECT_URL: 'postgres://me:secret@db/<service>' },
    { EVENTS_URL: 'kafka://me:secret@127.0.0.1:1,kafka:2?mechanism=plain' },
    { TASKS_URL: 'amqp://me:secret@rabbitmq:5672' },
    { DISCOVERY_URL: 'consul://registry:8500?token_file=/run/token' },
    { DISCOVERY_URL: 'eureka://me:secret@registry:8761' },
  ])('are named: %j', (environment) => {
    expect(plainPasswords(readConfig(environment))).toEqual(Object.keys(environment));
  });

  it.each([
    {},
    { DATABASE_URL: 'postgres://me:secret@127.0.0.1:5432/<service>' },
    { DATABASE_URL: 'postgres://me:secret@[::1]/<service>' },
    { DATABASE_URL: 'postgres://me@db/<service>' },
    { DATABASE_URL: 'postgres://me:secret@db/<service>?sslmode=verify-full' },
    { DATABASE_URL: 'postgres:///<service>?host=/run/postgresql' },
    { EVENTS_URL: 'kafka://me:secret@kafka:1' },
    { EVENTS_URL: 'kafka+ssl://me:secret@kafka:1?mechanism=plain' },
    { TASKS_URL: 'amqps://me:secret@rabbitmq:5671' },
    { TASKS_URL: 'amqp://rabbitmq:5672' },
    { TASKS_URL: 'amqp://me:secret@localhost:5672' },
    { TASKS_URL: 'sqs://eu-central-1?endpoint=http://sqs.internal:9324' },
    { DISCOVERY_URL: 'eureka+https://me:secret@registry:8761' },
  ])('are not the case of %j', (environment) => {
    const { logger, lines } = captureLog();
    warnOfPlainPasswords(readConfig(environment), logger);
    expect(lines).toEqual([]);
  });

  it('are one warning, without them', () => {
    const { logger, lines } = captureLog();
    warnOfPlainPasswords(
      readConfig({ TASKS_URL: 'amqp://me:secret@h', DATABASE_URL: 'postgres://me:secret@h/<service>' }),
      logger,
    );
    expect(lines).toMatchObject([{ level: 'warn', settings: ['DATABASE_URL', 'TASKS_URL'] }]);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });
});
