import { describe, expect, it } from 'vitest';
import { comparedProbes, type NamedProbe } from './comparison.ts';
import type { Outcome } from './outcome.ts';
import { judge } from './verdict.ts';

const called: Outcome = {
  status: 200,
  calls: [{ method: 'GetShape', request: { id: 's1' } }],
  answer: { id: 's1' },
  reason: undefined,
  fields: [],
  allow: [],
};
const refused: Outcome = { ...called, status: 400, calls: [], answer: undefined, fields: ['id'] };

const takes: NamedProbe = {
  name: 'a probe',
  probe: { name: 'takes', verb: 'GET', target: '/', answer: { calls: 'GetShape', request: { id: 's1' } } },
  differing: undefined,
};
const refuses: NamedProbe = {
  name: 'another probe',
  probe: { name: 'refuses', verb: 'GET', target: '/', answer: { refuses: ['id'] } },
  differing: { envoy: 'GetShape {"id":"s1"}', because: 'a reason' },
};

describe('a probe', () => {
  it('is equal if the service and the caller get the same', () => {
    expect(judge(takes, called, called)).toMatchObject({ kind: 'equal', text: 'equal' });
  });

  it('differs as intended, with the reason', () => {
    expect(judge(refuses, called, refused)).toMatchObject({ kind: 'intended', text: 'a reason', ordermesh: '400' });
  });

  it.each([
    ['the service got another request', { ...called, calls: [{ method: 'GetShape', request: {} }] }],
    ['the service got two calls', { ...called, calls: [...called.calls, ...called.calls] }],
    ['the caller got another answer', { ...called, answer: { id: 's2' } }],
    ['the caller got another status', { ...called, status: 201 }],
  ])('is a fault if through Envoy %s', (_, theirs) => {
    expect(judge(takes, theirs, called)).toMatchObject({ kind: 'fault', text: 'they differ' });
  });

  it('is a fault if ordermesh does not answer as the table says', () => {
    expect(judge(takes, refused, refused).text).toBe('ordermesh was to answer GetShape {"id":"s1"}');
    expect(judge(refuses, called, { ...refused, fields: ['name'] }).kind).toBe('fault');
  });

  it('is a fault if an intended difference is none, or another one', () => {
    expect(judge(refuses, refused, refused).text).toBe('the intended difference is none');
    const other = { ...called, calls: [{ method: 'GetShape', request: { id: 's2' } }] };
    expect(judge(refuses, other, refused).text).toBe('Envoy was to answer GetShape {"id":"s1"}');
  });
});

it('has no name twice', () => {
  const names = comparedProbes().map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThan(300);
});
