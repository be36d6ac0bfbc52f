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

/** The field that is the newest of the table from here on. */
const addCustom = bytes('40 01 61 01 62');

describe('the examples of RFC 7541', () => {
  it.each(representationExamples)('C.2: $hex is $fields', ({ hex, fields, table, tableBytes }) => {
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

describe('a decoder', () => {
  it('reads a block from the midst of a buffer, and an empty one', () => {
    const decoder = createDecoder();
    expect(decoder.decode(bytes('ff 82 87 ff'), 1, 3).fields).toEqual([':method', 'GET', ':scheme', 'https']);
    expect(decoder.decode(Buffer.alloc(0))).toMatchObject({ fields: [], bytes: 0, tooLarge: false });
  });

  it('gives bytes above 127 as the characters of the same number, and knows both forms of a literal', () => {
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
  ])('has at %i of the static table what RFC 7541 appendix A has: %s %s', (index, ...field) => {
    expect(createDecoder().decode(Buffer.of(0x80 | index)).fields).toEqual(field);
  });

  it('does not depend on the buffer after it has read it', () => {
    const decoder = createDecoder();
    const block = bytes('40 01 61 1e').toString('latin1') + 'v'.repeat(30);
    const buffer = Buffer.from(block, 'latin1');
    const first = decoder.decode(buffer);
    buffer.fill(0);
    expect(first.fields).toEqual(['a', 'v'.repeat(30)]);
    expect(decoder.decode(bytes('be')).fields).toEqual(first.fields);
  });

  it('takes an entry that is larger than the table, which is empty then', () => {
    const decoder = createDecoder(64);
    decoder.decode(addCustom);
    expect(decoder.decode(bytes(`40 01 61 21 ${'62'.repeat(33)}`)).fields).toEqual(['a', 'b'.repeat(33)]);
    expect(tableOf(decoder)).toEqual([]);
  });

  it.each([
    ['index 0', '80', /index 0/],
    ['an index behind the static table', 'be', /index 62, but the tables end at 61/],
    ['a name behind the static table', '7e 01 62', /index 62/],
    ['a name without indexing behind the static table', '0f 2f 01 62', /index 62/],
    ['an index that is too large', 'ff ff ff ff ff 0f', /over 2147483647/],
    ['an index that does not end', 'ff ff', /ends within an integer/],
    ['a name that is cut off', '40 05 61 62', /2 of 5 bytes/],
    ['a value that is cut off', '40 01 61 05 62', /1 of 5 bytes/],
    ['no value', '40 01 61', /where a string should begin/],
    ['no name', '40', /where a string should begin/],
    ['a length that is too large', '40 7f ff ff ff ff 7f', /over 2147483647/],
    ['a Huffman fault', '40 01 61 81 ff', /ends within a code/],
    ['a new table size behind a field', '82 20', /behind a field/],
    ['a table size that is not allowed', '3f e2 1f', /4097 bytes large, but 4096 are allowed/],
  ])('refuses %s', (_, hex, message) => {
    expect(() => createDecoder().decode(bytes(hex))).toThrow(HpackError);
    expect(() => createDecoder().decode(bytes(hex))).toThrow(message);
  });

  it('does not take bytes behind the block for a part of it', () => {
    expect(() => createDecoder().decode(bytes('82 40 01 61 01 62'), 0, 5)).toThrow(/0 of 1 bytes/);
    expect(() => createDecoder().decode(bytes('ff 00'), 0, 1)).toThrow(/ends within an integer/);
  });
});

describe('the size of the table', () => {
  it('may change at the beginning of a block, more than once', () => {
    const decoder = createDecoder();
    decoder.decode(addCustom);
    expect(decoder.decode(bytes('20 3f e1 1f 82')).fields).toEqual([':method', 'GET']);
    expect(tableOf(decoder)).toEqual([]);
    decoder.decode(addCustom);
    expect(tableOf(decoder)).toEqual(['a', 'b']);
  });

  it('has to be made smaller at once when the peer has acknowledged less', () => {
    const decoder = createDecoder();
    decoder.decode(addCustom);
    decoder.setMaxTableSize(0);
    expect(() => decoder.decode(bytes('82'))).toThrow(/does not make the table smaller, to the 0 bytes/);
    expect(decoder.decode(bytes('20 82')).fields).toEqual([':method', 'GET']);
    expect(tableOf(decoder)).toEqual([]);
    expect(() => decoder.decode(bytes('21 82'))).toThrow(/1 bytes large, but 0 are allowed/);
  });

  it('has to be made smaller also by a block that came before', () => {
    const decoder = createDecoder();
    const block = bytes('82');
    for (let time = 0; time < 3; time++) decoder.decode(block);
    decoder.setMaxTableSize(100);
    expect(() => decoder.decode(block)).toThrow(/does not make the table smaller/);
  });

  it('need not change when less was acknowledged and then as much as before, or when more was', () => {
    const decoder = createDecoder();
    decoder.setMaxTableSize(100);
    decoder.setMaxTableSize(4096);
    expect(decoder.decode(addCustom).fields).toEqual(['a', 'b']);
    decoder.setMaxTableSize(8192);
    expect(tableOf(decoder)).toEqual(['a', 'b']);
    expect(decoder.decode(bytes('3f e1 3f 82')).fields).toEqual([':method', 'GET']);
  });

  it('is 4096 until the peer says that it uses more', () => {
    const decoder = createDecoder(8192);
    const add = Buffer.concat([bytes('40 01 61 7f d0 0f'), Buffer.alloc(2127, 0x78)]);
    for (let time = 0; time < 2; time++) decoder.decode(add);
    expect(tableOf(decoder)).toHaveLength(2);
    decoder.decode(bytes('3f e1 3f'));
    for (let time = 0; time < 2; time++) decoder.decode(add);
    expect(tableOf(decoder)).toHaveLength(6);
  });
});
