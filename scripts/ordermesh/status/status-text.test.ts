import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { HealthStatus } from '#gen/ops/v1/health.ts';
import { Status } from '#gen/ops/v1/status.ts';
import { statusLines } from './status-text.ts';

const health = [{ name: '', status: HealthStatus.HEALTH_STATUS_SERVING }];
const process = (service: string) => ({ version: '1.2.3', pid: 7, services: [service], startTime: new Date(0) });
const instance = (name: string, port: number) => ({
  name,
  address: `127.0.0.1:${port}`,
  process: process(name),
  health,
});
const silent = (name: string, reason: string) => ({ part: 'process', reason, instance: name, message: 'why' });

const linesOf = (status: Parameters<typeof Status.fromPartial>[0]) =>
  statusLines(Status.fromPartial({ process: process('ops'), health, ...status }), [], '127.0.0.1:50051', 60_000).map(
    stripVTControlCharacters,
  );

describe('the status of many processes', () => {
  it('counts those that serve and those that do not answer in its first line, and names the process that answered', () => {
    const lines = linesOf({
      instances: [instance('order', 1), instance('user', 2)],
      unknown: [silent('user@127.0.0.1:3', ''), silent('gift', 'NO_ENDPOINTS'), { part: 'disk', instance: '' }],
    });
    expect(lines.slice(0, 3)).toEqual([
      'ordermesh 1.2.3 at 127.0.0.1:50051: 3 of 4 processes serve, 1 does not answer, 1 service has no instance',
      '  answered  by a process of ops: serving (all 1 health names serve)',
      expect.stringMatching(/^ {2}running {3}for 1 min, pid 7, /),
    ]);
  });

  it('has a row for each process, also for those that do not answer', () => {
    const lines = linesOf({
      instances: [instance('order', 1), instance('user', 3)],
      unknown: [
        silent('user@127.0.0.1:2', ''),
        silent('gift', 'NO_ENDPOINTS'),
        silent('report', 'REGISTRY_UNAVAILABLE'),
      ],
    });
    const begin = lines.indexOf('Other processes') + 2;
    expect(lines.slice(begin, begin + 5).map((line) => line.split(/ {2,}/).slice(1, 3))).toEqual([
      ['gift', 'no instance'],
      ['order@127.0.0.1:1', 'serving'],
      ['report', 'unknown'],
      ['user@127.0.0.1:2', 'no answer'],
      ['user@127.0.0.1:3', 'serving'],
    ]);
  });
});

it('says whose tokens are accepted, or that none are checked', () => {
  const tokens = { issuer: 'https://login.example', audience: 'ordermesh' };
  expect(linesOf({ process: { ...process('ops'), tokens } })).toContain(
    '  tokens    issuer https://login.example, audience ordermesh',
  );
  expect(linesOf({})).toContain('  tokens    not checked: whoever reaches it may call everything');
});
