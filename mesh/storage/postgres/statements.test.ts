import { describe, expect, it } from 'vitest';
import { createStatementCache } from './statements.ts';

describe('the names of prepared statements', () => {
  it('are the same for a text in every process, and never the same for two texts', () => {
    const [one, two] = [createStatementCache(), createStatementCache()];
    two.find('SELECT 2');
    expect(one.find('SELECT 1')).toEqual(two.find('SELECT 1'));
    expect(one.find('SELECT 1').name).not.toBe(two.find('SELECT 2').name);
  });

  it('change once, and the texts with them, when one no longer fits the schema', () => {
    const cache = createStatementCache();
    const before = [cache.find('SELECT 1'), cache.find('SELECT 2')];
    for (const statement of before) cache.renew(statement);
    const after = [cache.find('SELECT 1'), cache.find('SELECT 2')];
    expect(new Set([...before, ...after].map(({ name }) => name)).size).toBe(4);
    expect(after.map(({ text }) => text)).toEqual(['SELECT 1 /* 1 */', 'SELECT 2 /* 1 */']);
    for (const statement of after) cache.renew(statement);
    expect(cache.find('SELECT 1').text).toBe('SELECT 1 /* 2 */');
  });

  it('end when a connection lost what it had prepared', () => {
    const cache = createStatementCache();
    cache.find('SELECT 1');
    cache.stopNaming();
    expect(cache.find('SELECT 1')).toEqual({ text: 'SELECT 1', readsOnly: true });
  });

  it('exist for 512 texts', () => {
    const cache = createStatementCache();
    const names = Array.from({ length: 513 }, (_, index) => cache.find(`SELECT ${index}`).name);
    expect([names.filter(Boolean).length, names.at(-1)]).toEqual([512, undefined]);
  });
});
