import { describe, expect, it } from 'vitest';
import { createHpackDecoder } from '../hpack/decoder.ts';
import { literalFields } from './literal-fields.ts';

describe('literal fields', () => {
  it.each([0, 1, 126, 127, 128, 254, 255, 256, 16_382, 16_383, 16_384, 40_000])(
    'are decoded as they were, with values of %i characters',
    (length) => {
      const fields = [':status', '200', 'x'.repeat(length || 1), 'é'.repeat(length), ':status', '404'];
      const block = literalFields(fields);
      const list = createHpackDecoder({ maxHeaderListBytes: 200_000 }).decode(block, 0, block.length);
      expect(list.fields).toEqual(fields);
    },
  );
});
