import { expect, it } from 'vitest';
import { isInt64, maxInt64 } from './int64.ts';
import { moneyFromJson, moneyToJson } from './money.ts';

it('keeps an amount beyond 2^53 in JSON', () => {
  const money = { currencyCode: 'USD', minorUnits: maxInt64 };
  expect(moneyFromJson(JSON.parse(JSON.stringify(moneyToJson(money))))).toEqual(money);
});

it('keeps the stored form of money', () => {
  const text = JSON.stringify(moneyToJson({ currencyCode: 'JPY', minorUnits: -1234n }));
  expect(text).toBe('{"currency":"JPY","minorUnits":"-1234"}');
});

it('knows which integers fit into 64 bits', () => {
  expect([maxInt64, -maxInt64 - 1n].map(isInt64)).toEqual([true, true]);
  expect([maxInt64 + 1n, -maxInt64 - 2n].map(isInt64)).toEqual([false, false]);
});
