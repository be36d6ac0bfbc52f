import { expect, it } from 'vitest';
import { operationsLeft } from './verify-openapi.ts';

const summary = (tested: number) => `=== SUMMARY ===

API Operations:
  Selected: 55/56
  Tested: ${tested}

Test Phases:
  ✅ Examples
`;

it.each([
  [summary(55), 0],
  [summary(50), 5],
  ['=== SUMMARY ===', Number.NaN],
])('the operations that were not called are not taken for tested ones', (text, left) => {
  expect(operationsLeft(text)).toBe(left);
});
