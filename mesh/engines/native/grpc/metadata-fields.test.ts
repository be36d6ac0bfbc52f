import { expect, it } from 'vitest';
import { metadataOf } from './metadata-fields.ts';

it('gives each binary value of metadata memory of its own', () => {
  const values = metadataOf(['key-bin', 'AQI,AwQ=', 'empty-bin', '']).getAll('key-bin') as Buffer[];
  expect(values).toEqual([Buffer.from([1, 2]), Buffer.from([3, 4])]);
  for (const { buffer, byteLength } of values) expect(buffer.byteLength).toBe(byteLength);
});
