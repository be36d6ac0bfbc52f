import { describe, expect, it } from 'vitest';
import { createStatementCache } from './statements.ts';

describe('the names of prepared statements', () => {
  it('are the same for a text in every process, and never the same for two texts', () => {
    const [one, two] = [createStatementCache(), createStatementCache()];
    two.find('SELECT 2');
    expect(one.find('SELECT 1')).toEqual(two.find('SELECT 1'));
    expect(one.find('SELECT 1').name).not.toBe(two.find('SELECT 2').name);
  });

  it('change once when one was found stale', () => {
    const cache = createStatementCache();
    const before = [cache.find('SELECT 1'), cache.find('SELECT 2')];
    for (const statement of before) cache.renew(statement);
    const after = [cache.find('SELECT 1'), cache.find('SELECT 2')];
    expect(new Set([...before, ...after].map(({ name }) => name)).size).toBe(4);
    expect(after.map(({ name }) => name?.split('_')[1])).toEqual(['1', '1']);
  });

  it.each([
    ['end if statements keep going stale', 59_000, undefined],
    ['continue with an occasional change of the schema', 61_000, expect.any(String)],
  ])('%s', (_title, everyMs, name) => {
    let nowMs = 0;
    const cache = createStatementCache(() => nowMs);
    for (let count = 0; count < 10; count += 1) {
      cache.renew(cache.find('SELECT 1'));
      nowMs += everyMs;
    }
    expect(cache.find('SELECT 1').name).toEqual(name);
    expect(cache.find('SELECT 1').readsOnly).toBe(true);
  });

  it('exist for 512 texts', () => {
    const cache = createStatementCache();
    const names = Array.from({ length: 513 }, (_, index) => cache.find(`SELECT ${index}`).name);
    expect([names.filter(Boolean).length, names.at(-1)]).toEqual([512, undefined]);
  });
});
