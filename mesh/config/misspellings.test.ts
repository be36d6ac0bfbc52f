import { describe, expect, it } from 'vitest';
import { findMisspellings } from './misspellings.ts';
import { processSettings } from './process-settings.ts';

const settings = Object.values(processSettings).map(({ variable }) => variable);

describe('a variable that is set and not read', () => {
  it.each([
    ['DATABASE_URI', 'DATABASE_URL'],
    ['DATADIR', 'DATA_DIR'],
    ['LOG_LEVLE', 'LOG_LEVEL'],
    ['grpc_listen', 'GRPC_LISTEN'],
    ['DRAIN_TIMEOUT', 'DRAIN_TIMEOUT_MS'],
    ['EVENTS_RETENTION', 'EVENTS_RETENTION_MS'],
    ['SAGAS_RETENTION_DAYS', 'SAGAS_RETENTION_MS'],
    ['KAFKA_BROKERS', 'EVENTS_URL'],
    ['RABBITMQ_URL', 'TASKS_URL'],
    ['GRPC_PORT', 'GRPC_LISTEN'],
    ['DISCOVERY', 'DISCOVERY_URL'],
    ['TLS_KEY_FILE', 'TLS_KEY'],
    ['AUTH_JWKS_PATH', 'AUTH_JWKS'],
    ['SMTP_URL', undefined],
    ['EVENTS', undefined],
    ['HTTP_LISTEN', undefined],
    ['REDIS_URL', undefined],
    ['PATH', undefined],
  ])('%s looks like %s', (variable, meant) => {
    expect(findMisspellings({ [variable]: 'x' }, settings)).toEqual(meant === undefined ? [] : [{ variable, meant }]);
  });

  it('is ignored if the setting itself is set', () => {
    expect(findMisspellings({ LOG_LEVEL: 'warn', LOGLEVEL: 'x' }, settings)).toEqual([]);
  });
});
