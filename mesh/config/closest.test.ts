import { expect, it } from 'vitest';
import { closest } from './misspellings.ts';

it.each([
  ['paymnt', 'payment'],
  ['oder', 'order'],
  ['uesr', 'user'],
  ['bank', undefined],
  ['pay', undefined],
])('the name that %s is likely meant as is %s', (word, meant) => {
  expect(closest(word, ['order', 'payment', 'user'])).toBe(meant);
});
