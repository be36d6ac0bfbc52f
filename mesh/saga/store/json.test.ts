import { expect, it } from 'vitest';
import { fromJson, toJson } from './json.ts';

it('reads what it wrote, with integers of any size', () => {
  const data = {
    total: 2n ** 63n,
    items: [{ sku: 'A', quantity: 2, price: -1n }],
    note: null,
    paid: false,
    nested: {},
  };
  expect(fromJson(toJson(data))).toEqual(data);
});

it('freezes what it reads, with all that is in it', () => {
  const read = fromJson(toJson({ items: [{ sku: 'A' }] })) as { items: { sku: string }[] };
  expect([read, read.items, read.items[0]].map(Object.isFrozen)).toEqual([true, true, true]);
});

it.each([
  ['a Date', { at: new Date(0) }],
  ['bytes', { payload: new Uint8Array(2) }],
  ['a Map', { nested: [new Map()] }],
  ['an object that looks like a written bigint', { total: { $bigint: 'x' } }],
])('refuses %s, which would come back as something else', (_, data) => {
  expect(() => toJson(data)).toThrow(TypeError);
});
