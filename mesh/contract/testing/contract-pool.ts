import type { ValuePool } from './arbitrary-message.ts';

/** Values that follow and break the rules of our contracts. */
export const contractPool: ValuePool = {
  integers: [-1_000_001, -1, 0, 1, 2, 100, 1_000_000, 1_000_001, 2_147_483_647],
  floats: [0],
  texts: [
    '',
    'ada',
    'USD',
    'DE',
    'ada@example.com',
    'not an id',
    '-leading-dash',
    '018f2f6e-4a52-7c8e-9d3a-0a1b2c3d4e5f',
    'ORDER_PLACED',
    'reserve-stock',
    'a'.repeat(64),
    'a'.repeat(65),
    'ä'.repeat(200),
    '😀'.repeat(201),
    'a'.repeat(1_025),
  ],
};
