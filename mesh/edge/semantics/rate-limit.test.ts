import { describe, expect, it } from 'vitest';
import { capacityProblem, rateLimitHeaders } from './rate-limit.ts';

describe('the quota of a caller', () => {
  it('is shown as the draft has it', () => {
    expect(rateLimitHeaders({ limit: 64, remaining: 63 })).toEqual({
      'ratelimit-policy': '"concurrency";q=64;qu="concurrent-requests"',
      ratelimit: '"concurrency";r=63',
    });
  });

  it('is never below zero', () => {
    expect(rateLimitHeaders({ limit: 64, remaining: -900 }).ratelimit).toBe('"concurrency";r=0');
  });

  it('tells a caller with too much in progress from a server that has too much', () => {
    const type = 'https://iana.org/assignments/http-problem-types#';
    const exceeded = { type: `${type}quota-exceeded`, 'violated-policies': ['concurrency'] };
    expect(capacityProblem({ limit: 64, remaining: 0 })).toMatchObject(exceeded);
    for (const quota of [undefined, { limit: 64, remaining: 1 }]) {
      expect(capacityProblem(quota)).toMatchObject({ type: `${type}temporary-reduced-capacity` });
    }
  });
});
