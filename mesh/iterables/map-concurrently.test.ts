import { describe, expect, it } from 'vitest';
import { mapConcurrently } from './map-concurrently.ts';

async function* upTo(count: number): AsyncGenerator<number> {
  for (let element = 1; element <= count; element += 1) yield element;
}

/** Work that ends on demand. */
function gates() {
  const begun: number[] = [];
  const gateOf = new Map<number, PromiseWithResolvers<string>>();
  const work = (element: number) => {
    begun.push(element);
    const gate = Promise.withResolvers<string>();
    gateOf.set(element, gate);
    return gate.promise;
  };
  const end = (element: number) => gateOf.get(element)?.resolve(`${element} done`);
  const fail = (element: number) => gateOf.get(element)?.reject(new Error(`${element} failed`));
  return { begun, work, end, fail };
}

const turn = () => new Promise(setImmediate);

describe('mapConcurrently', () => {
  it('yields all results in the order in which they complete', async () => {
    const { work, end } = gates();
    const results = Array.fromAsync(mapConcurrently(upTo(3), 5, work));
    await turn();
    for (const element of [2, 3, 1]) {
      end(element);
      await turn();
    }
    expect(await results).toEqual(['2 done', '3 done', '1 done']);
    expect(await Array.fromAsync(mapConcurrently(upTo(0), 5, work))).toEqual([]);
  });

  it('runs no more than the limit at a time', async () => {
    const { begun, work, end } = gates();
    const results = Array.fromAsync(mapConcurrently(upTo(4), 2, work));
    await turn();
    expect(begun).toEqual([1, 2]);
    end(2);
    await turn();
    expect(begun).toEqual([1, 2, 3]);
    end(1);
    end(3);
    await turn();
    expect(begun).toEqual([1, 2, 3, 4]);
    end(4);
    expect(await results).toHaveLength(4);
  });

  it('fails when some work fails, after the rest has ended', async () => {
    const { begun, work, end, fail } = gates();
    const results = Array.fromAsync(mapConcurrently(upTo(9), 2, work));
    let isOver = false;
    const over = results.catch(() => {
      isOver = true;
    });
    await turn();
    fail(1);
    await turn();
    expect(isOver).toBe(false);
    end(2);
    await over;
    await expect(results).rejects.toThrow('1 failed');
    expect(begun).toEqual([1, 2]);
  });

  it('reports a failure that happens while the reader is slow', async () => {
    const { work, end, fail } = gates();
    const results = mapConcurrently(upTo(2), 5, work);
    const first = results.next();
    await turn();
    end(1);
    expect(await first).toEqual({ done: false, value: '1 done' });
    fail(2);
    await turn();
    await expect(results.next()).rejects.toThrow('2 failed');
  });
});
