import { describe, expect, it } from 'vitest';
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

/** A block with a field that the table is not to have. */
function literal(name: string, value: string): Buffer {
  return Buffer.from(`8200${text(name)}${text(value)}`, 'hex');
}

function text(value: string): string {
  return Buffer.of(value.length).toString('hex') + Buffer.from(value, 'latin1').toString('hex');
}

describe('a block of indices that came before', () => {
  it('gives the same list, wherever in a buffer it is, with what its reader has put there', () => {
    const decoder = createDecoder();
    const list = decoder.decode(getRoot);
    expect(list.derived).toBeUndefined();
    list.derived = 'made of it';
    expect(decoder.decode(Buffer.concat([Buffer.alloc(9), getRoot]), 9)).toBe(list);
    expect(decoder.decode(Buffer.concat([getRoot, getRoot]), 0, 3).derived).toBe('made of it');
  });

  it('means something else after the table has changed', () => {
    const decoder = createDecoder();
    decoder.decode(add('a', '1'));
    for (let time = 0; time < 3; time++) expect(decoder.decode(newest).fields).toEqual(['a', '1']);
    decoder.decode(add('a', '2'));
    for (let time = 0; time < 3; time++) expect(decoder.decode(newest).fields).toEqual(['a', '2']);
    expect(decoder.decode(newest)).toBe(decoder.decode(newest));
    decoder.decode(Buffer.from('203fe11f', 'hex'));
    expect(() => decoder.decode(newest)).toThrow(/index 62/);
  });

  it('means something else also when others came since the table has changed', () => {
    const decoder = createDecoder();
    decoder.decode(add('a', '1'));
    decoder.decode(newest);
    decoder.decode(add('a', '2'));
    decoder.decode(getRoot);
    expect(decoder.decode(newest).fields).toEqual(['a', '2']);
  });

  it('is not taken for what has been read into its buffer since', () => {
    const decoder = createDecoder();
    const buffer = Buffer.from(getRoot);
    decoder.decode(buffer);
    buffer[1] = 0x87;
    expect(decoder.decode(buffer).fields).toEqual([':method', 'GET', ':scheme', 'https', ':path', '/']);
  });

  it('has a list of its own in each decoder', () => {
    expect(createDecoder().decode(getRoot)).not.toBe(createDecoder().decode(getRoot));
  });

  it('is told from one that is longer, shorter or has another byte anywhere', () => {
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

  it('is found again among a thousand others, or else decoded again', () => {
    const decoder = createDecoder();
    const blocks = Array.from({ length: 1_000 }, (_, number) =>
      Buffer.of(0x81 + (number % 61), 0x81 + (((number / 61) | 0) % 61)),
    );
    const lists = blocks.map((block) => decoder.decode(block).fields.join());
    expect(new Set(lists).size).toBe(1_000);
    expect(blocks.map((block) => decoder.decode(block).fields.join())).toEqual(lists);
  });
});

describe('a block with a literal that the table does not get', () => {
  it('gives the same list from the second time on', () => {
    const decoder = createDecoder();
    const block = literal('grpc-timeout', '1S');
    decoder.decode(block);
    const list = decoder.decode(block);
    expect(list.fields).toEqual([':method', 'GET', 'grpc-timeout', '1S']);
    expect(decoder.decode(block)).toBe(list);
  });

  it('does not drive out others when it never comes again', () => {
    const decoder = createDecoder();
    const list = decoder.decode(getRoot);
    for (let number = 0; number < 10_000; number++) decoder.decode(literal('grpc-timeout', `${number}m`));
    expect(decoder.decode(getRoot)).toBe(list);
  });

  it('is not kept when it is long, nor when it adds to the table', () => {
    const decoder = createDecoder();
    for (const block of [literal('a', 'x'.repeat(125)), add('a', '1')]) {
      const lists = Array.from({ length: 4 }, () => decoder.decode(block));
      expect(new Set(lists).size).toBe(4);
      expect(new Set(lists.map((list) => list.fields.join())).size).toBe(1);
    }
    expect(decoder.decode(Buffer.from('bebfc0c1', 'hex')).fields).toEqual(['a', '1', 'a', '1', 'a', '1', 'a', '1']);
  });

  it('means what its bytes say when two that differ come in turn', () => {
    const decoder = createDecoder();
    const encoder = createHpackEncoder();
    for (let number = 0; number < 500; number++) {
      const fields = [':path', `/${number % 7}`, 'grpc-timeout', `${number % 5}S`];
      expect(decoder.decode(encoder.encode(fields, new Set([':path']))).fields).toEqual(fields);
    }
  });
});
