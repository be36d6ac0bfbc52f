import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JoinedPair, type JoinSide, join } from './join.ts';

interface Element {
  readonly key: string;
  readonly position: number;
}

/** A list of elements with these keys, at these positions or in their own order. */
function side(keys: readonly string[], positions?: ReadonlyMap<string, number>): JoinSide<Element> {
  const elements = keys.map((key, index) => ({ key, position: positions?.get(key) ?? index }));
  return { list: toList(elements), keyOf: ({ key }) => key, positionOf: ({ position }) => position };
}

async function* toList<T>(elements: readonly T[]): AsyncGenerator<T> {
  yield* elements;
}

/** `a`: both lists have it; `<a`: only the left one, `a>`: only the right one. */
const describePair = ({ key, left, right }: JoinedPair<Element, Element>) =>
  `${left && !right ? '<' : ''}${key}${!left ? '>' : ''}`;

async function joined(left: JoinSide<Element>, right: JoinSide<Element>, window?: number): Promise<string[]> {
  return (await Array.fromAsync(join(left, right, window))).map(describePair);
}

const alphabet = [...'abcdefghijklmnop'];
const places = new Map(alphabet.map((key, index) => [key, index]));

describe('join', () => {
  it('pairs elements of the same key', async () => {
    expect((await joined(side([...'abde'], places), side([...'bcd'], places))).toSorted()).toEqual([
      '<a',
      '<e',
      'b',
      'c>',
      'd',
    ]);
    expect(await joined(side([]), side(['a']))).toEqual(['a>']);
    expect(await joined(side([]), side([]))).toEqual([]);
  });

  it('pairs all elements of equally sorted lists, holding one of each', async () => {
    const keys = fc.subarray(alphabet);
    await fc.assert(
      fc.asyncProperty(keys, keys, async (left, right) => {
        const expected = alphabet.flatMap((key) => {
          const [inLeft, inRight] = [left.includes(key), right.includes(key)];
          if (inLeft && inRight) return [key];
          if (inLeft) return [`<${key}`];
          return inRight ? [`${key}>`] : [];
        });
        const found = await joined(side(left, places), side(right, places), 1);
        expect(found.toSorted()).toEqual(expected.toSorted());
      }),
    );
  });

  it('costs the same for each element however many it holds', async () => {
    const keys = Array.from({ length: 150_000 }, (_, index) => `key-${index}`);
    const costOf = async (window: number): Promise<number> => {
      const startMs = process.threadCpuUsage().user / 1_000;
      expect(await joined(side(keys), side([]), window)).toHaveLength(keys.length);
      return process.threadCpuUsage().user / 1_000 - startMs;
    };
    await costOf(10);
    expect(await costOf(50_000)).toBeLessThan(4 * (await costOf(10)));
  }, 30_000);

  it('loses nothing and repeats nothing, in any order', async () => {
    const keys = fc.shuffledSubarray(alphabet);
    await fc.assert(
      fc.asyncProperty(keys, keys, fc.nat({ max: 4 }), async (left, right, window) => {
        const found = await Array.fromAsync(join(side(left), side(right), window));
        expect(found.flatMap((pair) => (pair.left ? [pair.key] : [])).toSorted()).toEqual(left.toSorted());
        expect(found.flatMap((pair) => (pair.right ? [pair.key] : [])).toSorted()).toEqual(right.toSorted());
        for (const pair of found)
          for (const each of [pair.left, pair.right]) expect(each?.key ?? pair.key).toBe(pair.key);
      }),
    );
  });

  it('pairs elements that are not too far apart', async () => {
    expect((await joined(side([...'abc']), side([...'bca']), 2)).toSorted()).toEqual([...'abc']);
    const apart = await joined(side([...'abcd']), side([...'dcba']), 1);
    expect(apart.toSorted()).toEqual(['<a', '<d', 'a>', 'b', 'c', 'd>']);
  });

  it('reads no further than asked, and ends both lists when the reader stops', async () => {
    const reads = { left: 0, right: 0 };
    const ended: string[] = [];
    async function* endless(name: 'left' | 'right') {
      try {
        for (;;) {
          reads[name] += 1;
          yield { key: `${reads[name]}`, position: reads[name] };
        }
      } finally {
        ended.push(name);
      }
    }
    for await (const { key } of join({ ...side([]), list: endless('left') }, { ...side([]), list: endless('right') })) {
      if (key === '3') break;
    }
    expect(ended.toSorted()).toEqual(['left', 'right']);
    expect(reads).toEqual({ left: 4, right: 3 });
  });

  it('fails when one list fails, and ends the other', async () => {
    let ended = false;
    async function* fine() {
      try {
        for (let position = 0; ; position += 1) yield { key: `${position}`, position };
      } finally {
        ended = true;
      }
    }
    const broken = (async function* (): AsyncGenerator<Element> {
      yield { key: '0', position: 0 };
      throw new Error('the stream broke');
    })();
    await expect(joined({ ...side([]), list: fine() }, { ...side([]), list: broken })).rejects.toThrow(
      'the stream broke',
    );
    expect(ended).toBe(true);
  });
});
