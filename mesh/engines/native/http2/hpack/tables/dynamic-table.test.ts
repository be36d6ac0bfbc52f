import { describe, expect, it } from 'vitest';
import { DynamicTable } from './dynamic-table.ts';

function contents(table: DynamicTable): string[] {
  return Array.from({ length: table.count }, (_, index) => `${table.nameAt(index + 1)}=${table.valueAt(index + 1)}`);
}

/** The size of an entry with a name and value of one character each. */
const smallBytes = 34;

describe('the dynamic table', () => {
  it('has the newest entry first and evicts the oldest when there is no room', () => {
    const table = new DynamicTable(3 * smallBytes);
    for (const name of ['a', 'b', 'c', 'd']) table.add(name, '1');
    expect(contents(table)).toEqual(['d=1', 'c=1', 'b=1']);
  });

  it('keeps its order when it grows, at any place of the ring', () => {
    const table = new DynamicTable(100 * smallBytes);
    for (let number = 0; number < 1_000; number++) table.add(String(number % 10), String(((number / 10) % 10) | 0));
    const last = Array.from({ length: 100 }, (_, index) => 999 - index);
    expect(contents(table)).toEqual(last.map((number) => `${number % 10}=${((number / 10) % 10) | 0}`));
  });

  it('is emptied by an entry that is larger than itself, without a fault', () => {
    const table = new DynamicTable(2 * smallBytes);
    table.add('a', '1');
    expect(table.add('b', 'x'.repeat(2 * smallBytes))).toBe(false);
    expect(table.count).toBe(0);
  });

  it('accepts an entry that fits exactly', () => {
    const table = new DynamicTable(2 * smallBytes);
    expect(table.add('b', 'x'.repeat(2 * smallBytes - 33))).toBe(true);
    expect(table.count).toBe(1);
  });

  it('evicts entries when it shrinks, and has room again when it grows', () => {
    const table = new DynamicTable(4 * smallBytes);
    for (const name of ['a', 'b', 'c']) table.add(name, '1');
    table.resize(2 * smallBytes - 1);
    expect(contents(table)).toEqual(['c=1']);
    table.resize(2 * smallBytes);
    table.add('d', '1');
    expect(contents(table)).toEqual(['d=1', 'c=1']);
  });

  it('has another version after each change, and only then', () => {
    const table = new DynamicTable(2 * smallBytes);
    const versions = [table.version];
    const changes = [() => table.add('a', '1'), () => table.add('a', '1'), () => table.resize(0)];
    for (const change of changes) {
      change();
      versions.push(table.version);
      table.resize(table.maxBytes);
      expect(table.version).toBe(versions.at(-1));
    }
    expect(new Set(versions).size).toBe(4);
  });

  it('reports evicted entries, the oldest first', () => {
    const left: unknown[] = [];
    const table = new DynamicTable(2 * smallBytes, (...entry) => left.push(entry));
    for (const name of ['a', 'b', 'c']) table.add(name, '1');
    table.resize(0);
    expect(left).toEqual([
      ['a', '1'],
      ['b', '1'],
      ['c', '1'],
    ]);
  });
});
