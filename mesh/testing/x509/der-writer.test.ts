import { expect, it } from 'vitest';
import { octets } from './der-writer.ts';

it.each([
  [0, '0400'],
  [127, '047f'],
  [128, '048180'],
  [255, '0481ff'],
  [256, '04820100'],
  [65_535, '0482ffff'],
  [65_536, '0483010000'],
])('writes a length of %i in as few bytes as can be', (length, head) => {
  const written = octets(Buffer.alloc(length));
  expect(written.subarray(0, written.length - length).toString('hex')).toBe(head);
});
