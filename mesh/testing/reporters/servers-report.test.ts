import { describe, expect, it } from 'vitest';
import { isAtLeast } from '../servers/servers.ts';
import { describeServers } from './servers-report.ts';

describe('describeServers', () => {
  it('lists each server once and every suite that was not covered', () => {
    const used = { name: 'PostgreSQL', version: '15.8' };
    const report = describeServers([
      { ...used, title: 'storage' },
      { ...used, title: 'sagas' },
      { name: 'RabbitMQ', title: 'tasks' },
    ]);
    expect(report.split('\n')).toEqual([
      'Real servers used:',
      '  PostgreSQL 15.8',
      'NOT COVERED (run "make deps" to install the servers):',
      '  tasks: RabbitMQ is not installed',
    ]);
  });

  it('lists every suite that needs a later version than the installed one', () => {
    const early = { name: 'PgBouncer', version: '1.18.0', title: 'prepared statements', minVersion: '1.21' };
    expect(describeServers([{ name: 'PgBouncer', version: '1.18.0', title: 'pooler' }, early]).split('\n')).toEqual([
      'Real servers used:',
      '  PgBouncer 1.18.0',
      'NOT COVERED by the installed versions:',
      '  prepared statements: needs PgBouncer 1.21, 1.18.0 is installed',
    ]);
  });

  it('returns nothing if no test needs a server', () => {
    expect(describeServers([])).toBe('');
  });
});

describe('isAtLeast', () => {
  it.each([
    ['1.18.0', false],
    ['1.21.0', true],
    ['1.21', true],
    ['1.100.0', true],
    ['2.0.0', true],
    [undefined, false],
  ])('compares the numbers of versions: %s with 1.21', (version, expected) => {
    expect(isAtLeast({ name: 'PgBouncer', version }, '1.21')).toBe(expected);
  });
});
