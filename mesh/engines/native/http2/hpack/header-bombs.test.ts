import { describe, expect, it } from 'vitest';
import { tableOf } from '../../testing/table-probe.ts';
import { createHpackDecoder } from './decoder.ts';

const maxHeaderListBytes = 16 * 1024;
const entryBytes = 4064;
/** A block that adds an entry which fills the whole table. */
const fill = Buffer.concat([Buffer.from('4001617fe01e', 'hex'), Buffer.alloc(entryBytes - 1, 0x62)]);

/** A block that refers to the newest entry this often. */
function references(count: number): Buffer {
  return Buffer.alloc(count, 0xbe);
}

describe('a header block above the limit', () => {
  it('is marked as too large and has its size but no fields', () => {
    const decoder = createHpackDecoder({ maxHeaderListBytes: 100 });
    expect(decoder.decode(Buffer.from('828487', 'hex'))).toMatchObject({ fields: [], bytes: 124, tooLarge: true });
    expect(decoder.decode(Buffer.from('8287', 'hex'))).toMatchObject({ bytes: 86, tooLarge: false });
  });

  it('is accepted if it is exactly as large as the limit', () => {
    const decoder = createHpackDecoder({ maxHeaderListBytes: 86 });
    const fields = [':method', 'GET', ':scheme', 'https'];
    expect(decoder.decode(Buffer.from('8287', 'hex'))).toMatchObject({ fields, bytes: 86, tooLarge: false });
  });

  it('still changes the table, so later blocks can be decoded', () => {
    const decoder = createHpackDecoder({ maxHeaderListBytes: 100 });
    const block = Buffer.from('828487400161016240016301648440016501 66'.replace(' ', ''), 'hex');
    expect(decoder.decode(block)).toMatchObject({ fields: [], tooLarge: true });
    expect(tableOf(decoder)).toEqual(['e', 'f', 'c', 'd', 'a', 'b']);
  });

  it('is still refused for a fault', () => {
    const decoder = createHpackDecoder({ maxHeaderListBytes: 100 });
    expect(() => decoder.decode(Buffer.from('828487be', 'hex'))).toThrow(/index 62/);
  });
});

describe('a header bomb', () => {
  it('costs time for its bytes, not memory for what it expands to', () => {
    const decoder = createHpackDecoder({ maxHeaderListBytes });
    decoder.decode(fill);
    const bomb = references(64 * 1024);
    const started = performance.now();
    const before = process.memoryUsage().rss;
    for (let time = 0; time < 10; time++) {
      const list = decoder.decode(bomb);
      expect(list).toMatchObject({ fields: [], tooLarge: true, bytes: bomb.length * 4096 });
    }
    // 2.6 GB of fields in 10 blocks.
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('has no fields if it is short and comes from the cache', () => {
    const decoder = createHpackDecoder({ maxHeaderListBytes });
    decoder.decode(fill);
    const list = decoder.decode(references(100));
    expect(list).toMatchObject({ fields: [], tooLarge: true });
    expect(decoder.decode(references(100))).toBe(list);
  });

  it('has no fields beyond the limit if it consists of many small entries', () => {
    const decoder = createHpackDecoder({ maxHeaderListBytes });
    decoder.decode(Buffer.from('40016100', 'hex'));
    expect(decoder.decode(references(496)).fields).toHaveLength(2 * 496);
    expect(decoder.decode(references(497))).toMatchObject({ fields: [], tooLarge: true });
  });

  it('does no harm if it consists of changes of the table size', () => {
    const decoder = createHpackDecoder({ maxHeaderListBytes });
    const sizes = Buffer.concat(Array.from({ length: 10_000 }, () => Buffer.from('203fe11f', 'hex')));
    expect(decoder.decode(sizes)).toMatchObject({ fields: [], tooLarge: false });
    decoder.decode(fill);
    expect(tableOf(decoder)).toHaveLength(2);
  });
});
