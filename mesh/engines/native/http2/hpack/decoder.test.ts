import { describe, expect, it } from 'vitest';
import {
  huffmanRequests,
  huffmanResponses,
  plainRequests,
  plainResponses,
  representationExamples,
} from '../../testing/rfc7541-examples.ts';
import { bytesOf, tableOf } from '../../testing/table-probe.ts';
import { createHpackDecoder, type HpackDecoder, HpackError } from './decoder.ts';

const maxHeaderListBytes = 16 * 1024;

function createDecoder(maxTableBytes?: number): HpackDecoder {
  return createHpackDecoder({ maxHeaderListBytes, ...(maxTableBytes === undefined ? {} : { maxTableBytes }) });
}

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

/** A block that makes this field the newest of the table. */
const addCustom = bytes('40 01 61 01 62');

describe('the decoder, with the examples of RFC 7541', () => {
  it.each(representationExamples)('decodes $hex of C.2 to $fields', ({ hex, fields, table, tableBytes }) => {
    const decoder = createDecoder();
    expect(decoder.decode(bytes(hex)).fields).toEqual(fields);
    expect(tableOf(decoder)).toEqual(table);
    expect(bytesOf(tableOf(decoder))).toBe(tableBytes);
  });

  it.each([plainRequests, huffmanRequests, plainResponses, huffmanResponses])(
    '$section',
    ({ maxTableBytes, examples }) => {
      const decoder = createDecoder(maxTableBytes);
      for (const { hex, fields, table, tableBytes } of examples) {
        expect(decoder.decode(bytes(hex))).toMatchObject({ fields, bytes: bytesOf(fields), tooLarge: false });
        expect(tableOf(decoder)).toEqual(table);
        expect(bytesOf(tableOf(decoder))).toBe(tableBytes);
      }
    },
  );
});

describe('the decoder', () => {
  it('decodes a block in the middle of a buffer, and an empty one', () => {
    const decoder = createDecoder();
    expect(decoder.decode(bytes('ff 82 87 ff'), 1, 3).fields).toEqual([':method', 'GET', ':scheme', 'https']);
    expect(decoder.decode(Buffer.alloc(0))).toMatchObject({ fields: [], bytes: 0, tooLarge: false });
  });

  it('decodes bytes above 127 as latin1, in both forms of a literal', () => {
    const fields = ['X', 'caf\xe9'];
    expect(createDecoder().decode(bytes('00 01 58 04 636166e9')).fields).toEqual(fields);
    expect(createDecoder().decode(bytes('10 01 58 04 636166e9')).fields).toEqual(fields);
  });

  it.each([
    [1, ':authority', ''],
    [2, ':method', 'GET'],
    [3, ':method', 'POST'],
    [4, ':path', '/'],
    [5, ':path', '/index.html'],
    [6, ':scheme', 'http'],
    [7, ':scheme', 'https'],
    [8, ':status', '200'],
    [9, ':status', '204'],
    [10, ':status', '206'],
    [11, ':status', '304'],
    [12, ':status', '400'],
    [13, ':status', '404'],
    [14, ':status', '500'],
    [16, 'accept-encoding', 'gzip, deflate'],
    [28, 'content-length', ''],
    [57, 'transfer-encoding', ''],
    [61, 'www-authenticate', ''],
  ])('has entry %i of RFC 7541 appendix A: %s %s', (index, ...field) => {
    expect(createDecoder().decode(Buffer.of(0x80 | index)).fields).toEqual(field);
  });

  it('does not depend on the buffer after decoding', () => {
    const decoder = createDecoder();
    const block = bytes('40 01 61 1e').toString('latin1') + 'v'.repeat(30);
    const buffer = Buffer.from(block, 'latin1');
    const first = decoder.decode(buffer);
    buffer.fill(0);
    expect(first.fields).toEqual(['a', 'v'.repeat(30)]);
    expect(decoder.decode(bytes('be')).fields).toEqual(first.fields);
  });

  it('accepts an entry that is larger than the table and empties the table', () => {
    const decoder = createDecoder(64);
    decoder.decode(addCustom);
    expect(decoder.decode(bytes(`40 01 61 21 ${'62'.repeat(33)}`)).fields).toEqual(['a', 'b'.repeat(33)]);
    expect(tableOf(decoder)).toEqual([]);
  });

  it.each([
    ['index 0', '80', /index 0/],
    ['an index after the static table', 'be', /index 62, beyond the last one of 61/],
    ['a name after the static table', '7e 01 62', /index 62/],
    ['a name without indexing after the static table', '0f 2f 01 62', /index 62/],
    ['an index that is too large', 'ff ff ff ff ff 0f', /more than 2147483647/],
    ['an index that does not end', 'ff ff', /ends within an integer/],
    ['a name that is cut off', '40 05 61 62', /after 2 of 5 bytes/],
    ['a value that is cut off', '40 01 61 05 62', /after 1 of 5 bytes/],
    ['no value', '40 01 61', /where a string should begin/],
    ['no name', '40', /where a string should begin/],
    ['a length that is too large', '40 7f ff ff ff ff 7f', /more than 2147483647/],
    ['a Huffman fault', '40 01 61 81 ff', /has invalid padding/],
    ['a new table size after a field', '82 20', /after a field/],
    ['a table size that is not allowed', '3f e2 1f', /to 4097 bytes, more than the limit of 4096/],
  ])('refuses %s', (_, hex, message) => {
    expect(() => createDecoder().decode(bytes(hex))).toThrow(HpackError);
    expect(() => createDecoder().decode(bytes(hex))).toThrow(message);
  });

  it('does not read beyond the end of the block', () => {
    expect(() => createDecoder().decode(bytes('82 40 01 61 01 62'), 0, 5)).toThrow(/after 0 of 1 bytes/);
    expect(() => createDecoder().decode(bytes('ff 00'), 0, 1)).toThrow(/ends within an integer/);
  });
});

describe('the table size of the decoder', () => {
  it('may change at the beginning of a block, more than once', () => {
    const decoder = createDecoder();
    decoder.decode(addCustom);
    expect(decoder.decode(bytes('20 3f e1 1f 82')).fields).toEqual([':method', 'GET']);
    expect(tableOf(decoder)).toEqual([]);
    decoder.decode(addCustom);
    expect(tableOf(decoder)).toEqual(['a', 'b']);
  });

  it('has to shrink with the next block after the peer has acknowledged less', () => {
    const decoder = createDecoder();
    decoder.decode(addCustom);
    decoder.setMaxTableSize(0);
    expect(() => decoder.decode(bytes('82'))).toThrow(/does not reduce the table to the acknowledged 0 bytes/);
    expect(decoder.decode(bytes('20 82')).fields).toEqual([':method', 'GET']);
    expect(tableOf(decoder)).toEqual([]);
    expect(() => decoder.decode(bytes('21 82'))).toThrow(/to 1 bytes, more than the limit of 0/);
  });

  it('has to shrink even if the next block is a repeated one', () => {
    const decoder = createDecoder();
    const block = bytes('82');
    for (let time = 0; time < 3; time++) decoder.decode(block);
    decoder.setMaxTableSize(100);
    expect(() => decoder.decode(block)).toThrow(/does not reduce the table/);
  });

  it('need not change if less and then as much as before was acknowledged, or more', () => {
    const decoder = createDecoder();
    decoder.setMaxTableSize(100);
    decoder.setMaxTableSize(4096);
    expect(decoder.decode(addCustom).fields).toEqual(['a', 'b']);
    decoder.setMaxTableSize(8192);
    expect(tableOf(decoder)).toEqual(['a', 'b']);
    expect(decoder.decode(bytes('3f e1 3f 82')).fields).toEqual([':method', 'GET']);
  });

  it('is 4096 until the peer sets a larger one', () => {
    const decoder = createDecoder(8192);
    const add = Buffer.concat([bytes('40 01 61 7f d0 0f'), Buffer.alloc(2127, 0x78)]);
    for (let time = 0; time < 2; time++) decoder.decode(add);
    expect(tableOf(decoder)).toHaveLength(2);
    decoder.decode(bytes('3f e1 3f'));
    for (let time = 0; time < 2; time++) decoder.decode(add);
    expect(tableOf(decoder)).toHaveLength(6);
  });
});
