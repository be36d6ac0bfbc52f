import { describe, expect, it } from 'vitest';
import { literalFields } from '../codec/literal-fields.ts';
import { createHpackDecoder, type HpackDecoder } from './decoder.ts';
import { createHpackEncoder } from './encoder.ts';

function createDecoder(): HpackDecoder {
  return createHpackDecoder({ maxHeaderListBytes: 16 * 1024 });
}

const getRoot = Buffer.from('828684', 'hex');
const newest = Buffer.from('be', 'hex');

/** A block that makes this the newest entry of the table. */
function add(name: string, value: string): Buffer {
  return Buffer.from(`40${text(name)}${text(value)}`, 'hex');
}

/** A block with a field that is not added to the table. */
function literal(name: string, value: string): Buffer {
  return Buffer.from(`8200${text(name)}${text(value)}`, 'hex');
}

function text(value: string): string {
  return Buffer.of(value.length).toString('hex') + Buffer.from(value, 'latin1').toString('hex');
}

describe('a repeated block of indexes', () => {
  it('returns the same list, at any place of a buffer, with what its reader derived from it', () => {
    const decoder = createDecoder();
    const list = decoder.decode(getRoot);
    expect(list.derived).toBeUndefined();
    list.derived = 'made of it';
    expect(decoder.decode(Buffer.concat([Buffer.alloc(9), getRoot]), 9)).toBe(list);
    expect(decoder.decode(Buffer.concat([getRoot, getRoot]), 0, 3).derived).toBe('made of it');
  });

  it('is decoded again after the table has changed', () => {
    const decoder = createDecoder();
    decoder.decode(add('a', '1'));
    for (let time = 0; time < 3; time++) expect(decoder.decode(newest).fields).toEqual(['a', '1']);
    decoder.decode(add('a', '2'));
    for (let time = 0; time < 3; time++) expect(decoder.decode(newest).fields).toEqual(['a', '2']);
    expect(decoder.decode(newest)).toBe(decoder.decode(newest));
    decoder.decode(Buffer.from('203fe11f', 'hex'));
    expect(() => decoder.decode(newest)).toThrow(/index 62/);
  });

  it('is decoded again after the table has changed and other blocks came', () => {
    const decoder = createDecoder();
    decoder.decode(add('a', '1'));
    decoder.decode(newest);
    decoder.decode(add('a', '2'));
    decoder.decode(getRoot);
    expect(decoder.decode(newest).fields).toEqual(['a', '2']);
  });

  it('is not confused with bytes that its buffer was reused for', () => {
    const decoder = createDecoder();
    const buffer = Buffer.from(getRoot);
    decoder.decode(buffer);
    buffer[1] = 0x87;
    expect(decoder.decode(buffer).fields).toEqual([':method', 'GET', ':scheme', 'https', ':path', '/']);
  });

  it('has a separate list in each decoder', () => {
    expect(createDecoder().decode(getRoot)).not.toBe(createDecoder().decode(getRoot));
  });

  it('is distinguished from a block that is longer, shorter or differs in one byte', () => {
    const decoder = createDecoder();
    decoder.decode(add('a', '1'));
    const block = Buffer.from('828684be828684be8286', 'hex');
    decoder.decode(block);
    const fields = decoder.decode(block).fields;
    for (let length = 0; length < block.length; length++) {
      expect(decoder.decode(block, 0, length).fields).toEqual(fields.slice(0, 2 * length));
    }
    for (let at = 0; at < block.length; at++) {
      const other = Buffer.from(block);
      other[at] = 0x88;
      expect(decoder.decode(other).fields).toEqual(fields.with(2 * at, ':status').with(2 * at + 1, '200'));
    }
  });

  it('is found among a thousand others or decoded again', () => {
    const decoder = createDecoder();
    const blocks = Array.from({ length: 1_000 }, (_, number) =>
      Buffer.of(0x81 + (number % 61), 0x81 + (((number / 61) | 0) % 61)),
    );
    const lists = blocks.map((block) => decoder.decode(block).fields.join());
    expect(new Set(lists).size).toBe(1_000);
    expect(blocks.map((block) => decoder.decode(block).fields.join())).toEqual(lists);
  });
});

describe('a block with a literal that is not indexed', () => {
  it('returns the same list from the second time on', () => {
    const decoder = createDecoder();
    const block = literal('grpc-timeout', '1S');
    decoder.decode(block);
    const list = decoder.decode(block);
    expect(list.fields).toEqual([':method', 'GET', 'grpc-timeout', '1S']);
    expect(decoder.decode(block)).toBe(list);
  });

  it('does not evict others if it never comes again', () => {
    const decoder = createDecoder();
    const list = decoder.decode(getRoot);
    for (let number = 0; number < 10_000; number++) decoder.decode(literal('grpc-timeout', `${number}m`));
    expect(decoder.decode(getRoot)).toBe(list);
  });

  it('returns the same list even if all fields of a request are literals', () => {
    const decoder = createDecoder();
    const fields = [':method', 'POST', ':scheme', 'http', ':path', '/user.v1.UserService/GetUser', ':authority', 'a:1'];
    const block = literalFields([
      ...fields,
      'content-type',
      'application/grpc',
      'te',
      'trailers',
      'user-agent',
      'nginx',
    ]);
    decoder.decode(block);
    expect(decoder.decode(block)).toBe(decoder.decode(block));
  });

  it('is not kept if it is long or adds to the table', () => {
    const decoder = createDecoder();
    for (const block of [
      Buffer.concat(Array.from({ length: 3 }, () => literal('a', 'x'.repeat(100)))),
      add('a', '1'),
    ]) {
      const lists = Array.from({ length: 4 }, () => decoder.decode(block));
      expect(new Set(lists).size).toBe(4);
      expect(new Set(lists.map((list) => list.fields.join())).size).toBe(1);
    }
    expect(decoder.decode(Buffer.from('bebfc0c1', 'hex')).fields).toEqual(['a', '1', 'a', '1', 'a', '1', 'a', '1']);
  });

  it('is decoded correctly when two different ones alternate', () => {
    const decoder = createDecoder();
    const encoder = createHpackEncoder();
    for (let number = 0; number < 500; number++) {
      const fields = [':path', `/${number % 7}`, 'grpc-timeout', `${number % 5}S`];
      expect(decoder.decode(encoder.encode(fields, new Set([':path']))).fields).toEqual(fields);
    }
  });
});
