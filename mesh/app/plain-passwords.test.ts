import { describe, expect, it } from 'vitest';
import { readConfig } from '../config/config.ts';
import { captureLog } from '../testing/captured-log.ts';
import { plainPasswords, warnOfPlainPasswords } from './plain-passwords.ts';

describe('passwords without TLS', () => {
  it.each([
    { DATABASE_URL: 'postgres://me:secret@db:5432/<service>' },
    { DATABASE_URL: 'postgres://me:secret@<service>.db/x?sslmode=disable' },
    { DATABASE_DIRECT_URL: 'postgres://me:secret@db/<service>' },
    { EVENTS_URL: 'kafka://me:secret@127.0.0.1:1,kafka:2?mechanism=plain' },
    { TASKS_URL: 'amqp://me:secret@rabbitmq:5672' },
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
