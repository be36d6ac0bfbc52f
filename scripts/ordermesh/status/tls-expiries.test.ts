import { expect, it } from 'vitest';
import { Status } from '#gen/ops/v1/status.ts';
import { attentionOf } from './attention.ts';
import { statusLines } from './status-text.ts';

const dayMs = 24 * 3_600_000;
const nowMs = Date.UTC(2026, 0, 1);
const expiry = (use: string, setting: string, subject: string, inMs: number) => {
  return { use, setting, subject, expireTime: new Date(nowMs + inMs) };
};
const shared = expiry('ca', 'TLS_CA', 'CN=CA', 20 * dayMs);
const instance = (name: string, inMs: number) => ({
  name,
  address: '127.0.0.1:1',
  process: { tlsExpiries: [expiry('own', 'TLS_CERT', `CN=${name}`, inMs), shared] },
});
const status = Status.fromPartial({
  process: { tlsExpiries: [expiry('own', 'TLS_CERT', 'CN=ops', 31 * dayMs), shared] },
  instances: [instance('order', -3 * 3_600_000), instance('user', 40 * dayMs)],
});

it('has a line for what expires within 30 days or has expired, once for a file that many processes have', () => {
  const advice = 'replace the file, which is used without a restart (docs/tls.md)';
  expect(attentionOf(status, nowMs)).toEqual([
    `TLS_CERT CN=order of order@127.0.0.1:1 expired 3 hours ago: calls fail: ${advice}`,
    `TLS_CA CN=CA of order@127.0.0.1:1, user@127.0.0.1:1 expires in 20 days: ${advice}`,
  ]);
});

it('has a line for what a process says needs attention, and for each file that it cannot use', () => {
  const crl = expiry('crl', 'TLS_CRL', '', 2 * dayMs);
  const list = (name: string, attentionInMs: number) => ({
    name,
    address: '127.0.0.1:1',
    process: { tlsExpiries: [{ ...crl, attentionTime: new Date(nowMs + attentionInMs) }] },
  });
  const refused = { setting: 'TLS_CERT', problem: 'TLS_CERT names order.pem, which is empty: write it again' };
  const found = Status.fromPartial({
    process: { refusedTlsFiles: [refused] },
    instances: [
      list('order', 0),
      list('user', 1),
      { name: 'ops', address: '127.0.0.1:2', process: { refusedTlsFiles: [refused] } },
    ],
  });
  expect(attentionOf(found, nowMs)).toEqual([
    `${refused.problem}; the last valid one stays in use`,
    `ops@127.0.0.1:2: ${refused.problem}; the last valid one stays in use`,
    expect.stringMatching(/^TLS_CRL of order@127.0.0.1:1 expires in 2 days: /),
  ]);
});

it('has a row for each part of TLS that expires, the next first', () => {
  const lines = statusLines(status, [], '127.0.0.1:50051', nowMs);
  const begin = lines.findIndex((line) => line.includes('TLS')) + 2;
  expect(lines.slice(begin, begin + 6).map((line) => line.trim().split(/ {2,}/).slice(0, 4))).toEqual([
    ['order@127.0.0.1:1', 'TLS_CERT', 'own', '2025-12-31 21:00Z (3 hours ago)'],
    ['this one', 'TLS_CA', 'ca', '2026-01-21 00:00Z (in 20 days)'],
    ['order@127.0.0.1:1', 'TLS_CA', 'ca', '2026-01-21 00:00Z (in 20 days)'],
    ['user@127.0.0.1:1', 'TLS_CA', 'ca', '2026-01-21 00:00Z (in 20 days)'],
    ['this one', 'TLS_CERT', 'own', '2026-02-01 00:00Z (in 31 days)'],
    ['user@127.0.0.1:1', 'TLS_CERT', 'own', '2026-02-10 00:00Z (in 40 days)'],
  ]);
});
