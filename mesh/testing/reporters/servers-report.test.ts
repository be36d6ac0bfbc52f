import { describe, expect, it } from 'vitest';
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

  it('returns nothing if no test needs a server', () => {
    expect(describeServers([])).toBe('');
  });
});
