import { expect, it } from 'vitest';
import { newRecord, recordFromJson } from './record.ts';

it.each([
  ['its own time limit', 5_000, 6_000],
  ['the default one', undefined, 601_000],
])('a new record tells the release before when %s is up by the clock', (_, timeoutMs, deadlineMs) => {
  const record = newRecord({ steps: [{ name: 'charge' }], ...(timeoutMs && { timeoutMs }) }, 1_000);
  expect(record.deadlineMs).toBe(deadlineMs);
  expect(recordFromJson(JSON.stringify(record))).toEqual(record);
});
