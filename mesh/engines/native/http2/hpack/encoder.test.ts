import { describe, expect, it } from 'vitest';
import { huffmanRequests } from '../../testing/rfc7541-examples.ts';
import { bytesOf, tableOf } from '../../testing/table-probe.ts';
import { createHpackDecoder, type HpackDecoder } from './decoder.ts';
import { createHpackEncoder, type HpackEncoder } from './encoder.ts';

const maxHeaderListBytes = 64 * 1024;

function setUp(): { encoder: HpackEncoder; decoder: HpackDecoder } {
  return { encoder: createHpackEncoder(), decoder: createHpackDecoder({ maxHeaderListBytes }) };
}

function hexOf(encoder: HpackEncoder, fields: readonly string[], plain?: ReadonlySet<string>): string {
  return encoder.encode(fields, plain).toString('hex');
}

describe('the encoder', () => {
  it('writes the requests of RFC 7541 C.4 as the RFC does', () => {
    const encoder = createHpackEncoder();
    for (const { hex, fields } of huffmanRequests.examples) expect(hexOf(encoder, fields)).toBe(hex);
  });

  it('writes a plain text if Huffman code is not shorter', () => {
    expect(hexOf(createHpackEncoder(), ['x', '\xff\xfe'])).toBe('400178' + '02fffe');
    expect(hexOf(createHpackEncoder(), ['x', ''])).toBe('400178' + '00');
    expect(hexOf(createHpackEncoder(), ['x', 'aaaa'])).toBe('400178' + '8318c63f');
  });

  it('writes nothing for no fields', () => {
    expect(hexOf(createHpackEncoder(), [])).toBe('');
  });

  it.each([
    ['authorization', '1f08'],
    ['cookie', '1f11'],
    ['proxy-authorization', '1f22'],
    ['set-cookie', '1f28'],
  ])('never indexes %s', (name, start) => {
    const { encoder, decoder } = setUp();
    for (let time = 0; time < 3; time++) {
      const block = encoder.encode([name, 'secret']);
      expect(block.toString('hex', 0, 2)).toBe(start);
      expect(decoder.decode(block).fields).toEqual([name, 'secret']);
    }
    expect(tableOf(decoder)).toEqual([]);
  });

  it('indexes the name of a plain field with its first value only', () => {
    const { encoder, decoder } = setUp();
    const plain = new Set(['x-request-id']);
    for (let number = 0; number < 100; number++) {
      const fields = ['grpc-timeout', `${number}m`, 'x-request-id', `id-${number}`];
      const block = encoder.encode(fields, plain);
      expect(decoder.decode(block).fields).toEqual(fields);
      if (number > 0) expect(block.length).toBeLessThan(16);
    }
    expect(tableOf(decoder)).toEqual(['x-request-id', 'id-0', 'grpc-timeout', '0m']);
  });

  it('does not index a plain field whose name is in the static table', () => {
    const { encoder, decoder } = setUp();
    decoder.decode(encoder.encode([':path', '/a', 'content-length', '7', 'user-agent', 'u'], new Set([':path'])));
    expect(tableOf(decoder)).toEqual(['user-agent', 'u']);
  });

  it('does not let a large field evict the others', () => {
    const { encoder, decoder } = setUp();
    const fields = ['a', '1', 'large', 'x'.repeat(3_000)];
    for (let time = 0; time < 2; time++) expect(decoder.decode(encoder.encode(fields)).fields).toEqual(fields);
    expect(tableOf(decoder)).toEqual(['a', '1']);
  });

  it('finds only the fields that are left in a table after evictions', () => {
    const { encoder, decoder } = setUp();
    for (let number = 0; number < 2_000; number++) {
      const fields = ['a', `${number % 97}`, `name-${number % 61}`, `${number}`, 'b', 'always'];
      expect(decoder.decode(encoder.encode(fields)).fields).toEqual(fields);
    }
  });

  it('writes strings that are larger than all before', () => {
    const { encoder, decoder } = setUp();
    for (const length of [1, 2_000, 20_000]) {
      const fields = ['large', 'x~'.repeat(length / 2), 'raw', '\xff'.repeat(length)];
      expect(decoder.decode(encoder.encode(fields)).fields).toEqual(fields);
    }
  });
});

describe('a block that the encoder encodes again', () => {
  it('is the same buffer while the table does not change, for an equal array too', () => {
    const encoder = createHpackEncoder();
    const trailers = ['grpc-status', '0'];
    encoder.encode(trailers);
    const block = encoder.encode(trailers);
    expect(block.toString('hex')).toBe('be');
    expect(encoder.encode(trailers)).toBe(block);
    expect(encoder.encode(['grpc-status', '0'])).toBe(block);
  });

  it('has other indexes after the table has changed', () => {
    const { encoder, decoder } = setUp();
    const trailers = ['grpc-status', '0', ':method', 'GET'];
    for (let time = 0; time < 3; time++) expect(decoder.decode(encoder.encode(trailers)).fields).toEqual(trailers);
    for (const value of ['1', '2']) {
      decoder.decode(encoder.encode(['x', value]));
      for (let time = 0; time < 3; time++) expect(decoder.decode(encoder.encode(trailers)).fields).toEqual(trailers);
    }
    expect(hexOf(encoder, trailers)).toBe('c0' + '82');
  });

  it('is not reused after others were encoded with another table', () => {
    const { encoder, decoder } = setUp();
    const head = [':status', '200', 'content-type', 'application/grpc'];
    const trailers = ['grpc-status', '0'];
    const roundTrip = (fields: string[]) => expect(decoder.decode(encoder.encode(fields)).fields).toEqual(fields);
    for (const fields of [head, head, trailers, ['x', '1'], trailers, trailers, head]) roundTrip(fields);
  });

  it('is not reused for an array that was changed meanwhile', () => {
    const { encoder, decoder } = setUp();
    const fields = ['a', '1', 'b', ''];
    for (let number = 0; number < 100; number++) {
      fields[3] = `${((number / 3) % 3) | 0}.`;
      expect(decoder.decode(encoder.encode(fields)).fields).toEqual(fields);
    }
  });

  it('is not kept with a change of the table size', () => {
    const encoder = createHpackEncoder();
    encoder.setMaxTableSize(0);
    expect(hexOf(encoder, [':method', 'GET'])).toBe('20' + '82');
    expect(hexOf(encoder, [':method', 'GET'])).toBe('82');
  });
});

describe('the table size of the encoder', () => {
  it('is what the peer allows, up to 4096, and is announced with the next block', () => {
    const encoder = createHpackEncoder();
    encoder.setMaxTableSize(65_536);
    expect(hexOf(encoder, [':method', 'GET'])).toBe('82');
    encoder.setMaxTableSize(100);
    expect(hexOf(encoder, [':method', 'GET'])).toBe('3f45' + '82');
    encoder.setMaxTableSize(65_536);
    expect(hexOf(encoder, [':method', 'GET'])).toBe('3fe11f' + '82');
  });

  it('is announced as the smallest and then the last after several changes', () => {
    const encoder = createHpackEncoder();
    for (const bytes of [2_000, 0, 100, 4_096]) encoder.setMaxTableSize(bytes);
    expect(hexOf(encoder, [])).toBe('20' + '3fe11f');
    expect(hexOf(encoder, [])).toBe('');
  });

  it('keeps the two tables in step after any change', () => {
    const { encoder, decoder } = setUp();
    const fields = ['a', '1', 'b', '2', 'c', '3'];
    for (const bytes of [4_096, 68, 34, 0, 102, 33, 4_096]) {
      encoder.setMaxTableSize(bytes);
      for (let time = 0; time < 3; time++) expect(decoder.decode(encoder.encode(fields)).fields).toEqual(fields);
      expect(bytesOf(tableOf(decoder))).toBeLessThanOrEqual(bytes);
    }
  });
});

describe('a field with an invalid character', () => {
  const euro = ['a', '1', 'price', '5 €'];

  it('is refused', () => {
    expect(() => createHpackEncoder().encode(euro)).toThrow(
      new TypeError('"5 €" is not a valid header: it has characters above U+00FF'),
    );
    expect(() => createHpackEncoder().encode(['\u0100', ''])).toThrow(TypeError);
  });

  it('leaves encoder and decoder in step, even with a pending change of the size', () => {
    const { encoder, decoder } = setUp();
    const fields = ['a', '1', 'b', '2'];
    decoder.decode(encoder.encode(['b', '2']));
    expect(() => encoder.encode(euro)).toThrow(TypeError);
    for (let time = 0; time < 3; time++) expect(decoder.decode(encoder.encode(fields)).fields).toEqual(fields);
    encoder.setMaxTableSize(68);
    expect(() => encoder.encode(euro)).toThrow(TypeError);
    for (let time = 0; time < 3; time++) expect(decoder.decode(encoder.encode(fields)).fields).toEqual(fields);
    expect(tableOf(decoder)).toEqual(['b', '2', 'a', '1']);
  });
});
