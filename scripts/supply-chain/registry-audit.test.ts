import { expect, it } from 'vitest';
import { judgeNpmAudit } from './registry-audit.ts';

const today = '2026-06-15';
const parser = {
  source: 1,
  name: 'parser',
  range: '<1.8.2',
  severity: 'high',
  title: 'reads past the end of a header',
  url: 'https://github.com/advisories/GHSA-aaaa-bbbb-cccc',
};
const line = 'parser <1.8.2: GHSA-aaaa-bbbb-cccc: reads past the end of a header; high';
/** As npm has it: what depends on a vulnerable package is listed too. */
const audit = {
  metadata: {},
  vulnerabilities: { parser: { via: [parser] }, server: { via: ['parser'] }, client: { via: [parser, 'server'] } },
};
const ignore = { id: 'GHSA-aaaa-bbbb-cccc', name: 'parser', until: '2026-06-16', why: 'headers are checked before' };

it('counts each advisory once, and not what it is a part of', () => {
  expect(judgeNpmAudit(audit, [], today)).toEqual({ vulnerable: [line], ignored: [] });
});

it('ignores what the policy does, for that package and until that day', () => {
  const ignored = [`${line}; ignored until 2026-06-16: headers are checked before`];
  expect(judgeNpmAudit(audit, [ignore], today)).toEqual({ vulnerable: [], ignored });
  expect(judgeNpmAudit(audit, [{ ...ignore, name: 'other' }], today).vulnerable).toEqual([line]);
  expect(judgeNpmAudit(audit, [{ ...ignore, until: today }], today).vulnerable).toEqual([
    `${line}; it was ignored until ${today}`,
  ]);
});

it('finds nothing in the answer without vulnerabilities', () => {
  expect(judgeNpmAudit({ metadata: {}, vulnerabilities: {} }, [ignore], today)).toEqual({
    vulnerable: [],
    ignored: [],
  });
});
