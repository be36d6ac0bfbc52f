import { describe, expect, it } from 'vitest';
import { measureTurns } from '../testing/measure-turns.ts';
import { readPages } from './read-pages.ts';

const items = 6_000;
const readers = 2;

function list() {
  return readPages({
    after: -1,
    fetch: async (after: number, size: number) =>
      Array.from({ length: Math.min(size, items - 1 - after) }, (_, index) => after + 1 + index),
    cursorOf: (item) => item,
  });
}

/** Works on each item of a list, as one who encodes or compares it does. */
async function workThrough(): Promise<void> {
  for await (const _ of list()) {
    const endMs = performance.now() + 0.05;
    while (performance.now() < endMs);
  }
}

describe('readPages', () => {
  it('yields all items in order', async () => {
    expect(await Array.fromAsync(list())).toEqual(Array.from({ length: items }, (_, index) => index));
  });

  it('lets calls through while several readers work on the items of a page', async () => {
    const work = () => Promise.all(Array.from({ length: readers }, workThrough));
    const { totalMs, longestMs } = await measureTurns(work);
    expect(longestMs).toBeLessThan(totalMs / 20);
  });
});
