import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinStreams, type Pair, type Side } from './join-streams.ts';

interface Element {
  readonly key: string;
  readonly position: number;
}

/** A list whose elements are about `keys`; they stand in it where `positions` says, or at their places. */
function side(keys: readonly string[], positions?: ReadonlyMap<string, number>): Side<Element> {
  const elements = keys.map((key, index) => ({ key, position: positions?.get(key) ?? index }));
  return { list: toList(elements), keyOf: ({ key }) => key, positionOf: ({ position }) => position };
}

async function* toList<T>(elements: readonly T[]): AsyncGenerator<T> {
  yield* elements;
}

/** `a`: both say something of it; `<a`: only the left list does, `a>`: only the right. */
const told = ({ key, left, right }: Pair<Element, Element>) => `${left && !right ? '<' : ''}${key}${!left ? '>' : ''}`;

async function join(left: Side<Element>, right: Side<Element>, window?: number): Promise<string[]> {
  return (await Array.fromAsync(joinStreams(left, right, window))).map(told);
}

const alphabet = [...'abcdefghijklmnop'];
const places = new Map(alphabet.map((key, index) => [key, index]));

describe('two lists', () => {
  it('are joined where both say something of the same thing', async () => {
    expect((await join(side([...'abde'], places), side([...'bcd'], places))).toSorted()).toEqual([
      '<a',
      '<e',
      'b',
      'c>',
      'd',
    ]);
    expect(await join(side([]), side(['a']))).toEqual(['a>']);
    expect(await join(side([]), side([]))).toEqual([]);
  });

  it('are joined whole, holding one element of each, when they are in the same order', async () => {
    const keys = fc.subarray(alphabet);
    await fc.assert(
      fc.asyncProperty(keys, keys, async (left, right) => {
        const expected = alphabet.flatMap((key) => {
          const [inLeft, inRight] = [left.includes(key), right.includes(key)];
          if (inLeft && inRight) return [key];
          if (inLeft) return [`<${key}`];
          return inRight ? [`${key}>`] : [];
        });
        const found = await join(side(left, places), side(right, places), 1);
        expect(found.toSorted()).toEqual(expected.toSorted());
      }),
    );
  });

  it('lose nothing and repeat nothing, in whatever order they are', async () => {
    const keys = fc.shuffledSubarray(alphabet);
    await fc.assert(
      fc.asyncProperty(keys, keys, fc.nat({ max: 4 }), async (left, right, window) => {
        const found = await Array.fromAsync(joinStreams(side(left), side(right), window));
        expect(found.flatMap((pair) => (pair.left ? [pair.key] : [])).toSorted()).toEqual(left.toSorted());
        expect(found.flatMap((pair) => (pair.right ? [pair.key] : [])).toSorted()).toEqual(right.toSorted());
        for (const pair of found)
          for (const each of [pair.left, pair.right]) expect(each?.key ?? pair.key).toBe(pair.key);
      }),
    );
  });

  it('are joined as far as what belongs together is not too far apart', async () => {
    expect((await join(side([...'abc']), side([...'bca']), 2)).toSorted()).toEqual([...'abc']);
    const apart = await join(side([...'abcd']), side([...'dcba']), 1);
    expect(apart.toSorted()).toEqual(['<a', '<d', 'a>', 'b', 'c', 'd>']);
  });

  it('are read no further than is asked for, and ended when the reader stops', async () => {
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
    for await (const { key } of joinStreams(
      { ...side([]), list: endless('left') },
      { ...side([]), list: endless('right') },
    )) {
      if (key === '3') break;
    }
    expect(ended.toSorted()).toEqual(['left', 'right']);
    expect(reads).toEqual({ left: 4, right: 3 });
  });

  it('fail together, and the other is ended', async () => {
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
    await expect(join({ ...side([]), list: fine() }, { ...side([]), list: broken })).rejects.toThrow(
      'the stream broke',
    );
    expect(ended).toBe(true);
  });
});
