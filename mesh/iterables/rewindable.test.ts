import { describe, expect, it } from 'vitest';
import { rewindable } from './rewindable.ts';

/** A list of `a`, `b`, `c`, ... and how often it was read and closed. */
function letters(count: number) {
  const seen = { read: 0, closed: 0 };
  async function* list() {
    try {
      for (; seen.read < count; ) {
        seen.read += 1;
        yield String.fromCharCode(96 + seen.read);
      }
    } finally {
      seen.closed += 1;
    }
  }
  return { seen, list: list() };
}

async function readSome(list: AsyncIterable<string>, count: number): Promise<string[]> {
  const read: string[] = [];
  for await (const letter of list) {
    read.push(letter);
    if (read.length === count) break;
  }
  return read;
}

describe('a rewindable list', () => {
  it('gives a second reader all elements, and reads its source once', async () => {
    const { seen, list } = letters(5);
    const again = rewindable(list, 16);

    expect(await readSome(again.read(), 3)).toEqual(['a', 'b', 'c']);
    expect(again.canRewind).toBe(true);
    expect(await Array.fromAsync(again.read())).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(seen).toEqual({ read: 5, closed: 1 });
  });

  it('gives a second reader what the first was waiting for', async () => {
    const { promise: later, resolve } = Promise.withResolvers<void>();
    async function* slow() {
      yield 'a';
      await later;
      yield 'b';
    }
    const again = rewindable(slow(), 16);
    const first = again.read()[Symbol.asyncIterator]();
    await first.next();
    const waiting = first.next();
    await first.return?.();

    const second = Array.fromAsync(again.read());
    resolve();
    expect(await second).toEqual(['a', 'b']);
    expect(await waiting).toEqual({ done: false, value: 'b' });
  });

  it('gives a second reader the error of its source', async () => {
    async function* broken() {
      yield 'a';
      throw new Error('the file ended early');
    }
    const again = rewindable(broken(), 16);
    await expect(Array.fromAsync(again.read())).rejects.toThrow('the file ended early');
    await expect(Array.fromAsync(again.read())).rejects.toThrow('the file ended early');
  });

  it('cannot be rewound once more elements were read than it keeps', async () => {
    const { list } = letters(5);
    const again = rewindable(list, 2);
    const reader = again.read()[Symbol.asyncIterator]();
    await reader.next();
    await reader.next();
    expect(again.canRewind).toBe(true);
    expect(await reader.next()).toEqual({ done: false, value: 'c' });
    expect(again.canRewind).toBe(false);
    expect(await reader.next()).toEqual({ done: false, value: 'd' });
  });

  it('leaves its source open while it can be rewound, and closes it after a commit', async () => {
    const { seen, list } = letters(5);
    const again = rewindable(list, 16);
    await readSome(again.read(), 1);
    expect(seen.closed).toBe(0);

    const reader = again.read()[Symbol.asyncIterator]();
    again.commit();
    expect(await reader.next()).toEqual({ done: false, value: 'a' });
    expect(await reader.next()).toEqual({ done: false, value: 'b' });
    await reader.return?.();
    expect(seen).toEqual({ read: 2, closed: 1 });
  });

  it('closes its source once', async () => {
    const { seen, list } = letters(5);
    const again = rewindable(list, 16);
    await readSome(again.read(), 1);
    await again.close();
    await again.close();
    expect(seen.closed).toBe(1);
  });
});
