import { expect, it } from 'vitest';
import { TokenCache } from './token-cache.ts';

const subject = (name: string, expiresMs = 1_000) => ({ subject: name, roles: [], expiresMs });

it('keeps a bounded number of tokens, and those that are used', () => {
  const cache = new TokenCache(100);
  cache.set('used', subject('used'));
  for (let count = 0; count < 10_000; count += 1) {
    cache.set(`token ${count}`, subject(`${count}`));
    if (count % 10 === 0) expect(cache.get('used', 0)?.subject).toBe('used');
  }
  expect(cache.size).toBeLessThanOrEqual(100);
  expect(cache.get('token 9999', 0)?.subject).toBe('9999');
  expect(cache.get('token 0', 0)).toBeUndefined();
});

it('forgets what has expired', () => {
  const cache = new TokenCache(10);
  cache.set('a', subject('a', 1_000));
  expect(cache.get('a', 999)).toBeDefined();
  expect(cache.get('a', 1_000)).toBeUndefined();
  expect(cache.size).toBe(0);
});
