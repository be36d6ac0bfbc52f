import { Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { TransportError } from '../engines/transport-error.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { statusDetailsKey } from '../errors/status-details.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { asCallError } from './call-error.ts';
import { afterLast, resumable } from './resumable.ts';

interface ListRequest {
  readonly afterId?: number;
  readonly limit?: number;
}

const failure = (code: Status, trailer = Metadata()) =>
  asCallError(new TransportError('/test.v1.TestService/List', code, 'cut off', trailer), '/test.v1.TestService/List');

/** A listing of 1 to 9 whose streams are cut off by these errors, each after so many items. */
function listing(...cuts: readonly (readonly [items: number, error: unknown])[]) {
  const requests: ListRequest[] = [];
  async function* list(request: ListRequest) {
    const [items = 9, error] = cuts[requests.length] ?? [];
    requests.push(request);
    const { afterId = 0, limit = 0 } = request;
    const end = limit === 0 ? 9 : Math.min(9, afterId + limit);
    for (let id = afterId + 1; id <= end; id++) {
      if (id > afterId + items) throw error;
      yield { id };
    }
    if (error !== undefined) throw error;
  }
  const clock = createTestClock();
  const { after } = clock;
  // Waits for nothing, and notes for how long it would have waited.
  const waits: number[] = [];
  const eager = {
    ...clock,
    after(ms: number, action: () => void) {
      waits.push(ms);
      queueMicrotask(action);
      return after(ms, () => undefined);
    },
  };
  const cursor = (request: ListRequest) => afterLast(request, ({ id }: { readonly id: number }) => ({ afterId: id }));
  return { requests, waits, clock: eager, advance: clock.advance, call: resumable(list, cursor, { clock: eager }) };
}

const ids = async (items: AsyncIterable<{ readonly id: number }>) => (await Array.fromAsync(items)).map(({ id }) => id);
const unavailable = failure(Status.UNAVAILABLE);
const all = [1, 2, 3, 4, 5, 6, 7, 8, 9];

describe('a resumable listing', () => {
  it('continues after the last item when it is cut off', async () => {
    const { call, requests } = listing([3, unavailable], [2, failure(Status.INTERNAL)]);
    expect(await ids(call({}))).toEqual(all);
    expect(requests).toEqual([{}, { afterId: 3 }, { afterId: 5 }]);
  });

  it('respects its limit', async () => {
    const { call, requests } = listing([3, unavailable]);
    expect(await ids(call({ afterId: 1, limit: 5 }))).toEqual([2, 3, 4, 5, 6]);
    expect(requests).toEqual([
      { afterId: 1, limit: 5 },
      { afterId: 4, limit: 2 },
    ]);
  });

  it('has ended if it is cut off after its last item', async () => {
    const { call, requests } = listing([3, unavailable]);
    expect(await ids(call({ limit: 3 }))).toEqual([1, 2, 3]);
    expect(requests).toHaveLength(1);
  });

  it('is given up after ten cuts without an item, with growing delays', async () => {
    const { call, requests, waits } = listing(...Array.from({ length: 20 }, () => [0, unavailable] as const));
    await expect(ids(call({}))).rejects.toBe(unavailable);
    expect(requests).toHaveLength(10);
    expect(waits[0]).toBeLessThanOrEqual(120);
    expect(waits[8]).toBeGreaterThanOrEqual(1_600);
  });

  it('counts cuts from its last item', async () => {
    const { call, requests } = listing(...Array.from({ length: 9 }, () => [1, unavailable] as const));
    expect(await ids(call({}))).toEqual(all);
    expect(requests).toHaveLength(10);
  });

  it('is given up after ten cuts without an item that its reader does not have', async () => {
    const { clock } = listing();
    let calls = 0;
    async function* watch() {
      calls += 1;
      yield { id: 1 };
      throw unavailable;
    }
    const once = () => {
      const taken = new Set<number>();
      return { take: ({ id }: { readonly id: number }) => taken.size < taken.add(id).size, next: () => ({}) };
    };
    await expect(ids(resumable(watch, once, { clock })({}))).rejects.toBe(unavailable);
    expect(calls).toBe(10);
  });

  it('is not given up if its streams are cut off after a while', async () => {
    const { clock, advance } = listing();
    let calls = 0;
    // biome-ignore lint/correctness/useYield: nothing happens in it.
    async function* watch(): AsyncGenerator<{ id: number }> {
      calls += 1;
      if (calls > 30) return;
      advance(10_000);
      throw unavailable;
    }
    const cursor = () => ({ take: () => true, next: () => ({}) });
    expect(await ids(resumable(watch, cursor, { clock })({}))).toEqual([]);
  });

  const answered = Metadata();
  answered.set(statusDetailsKey, new Uint8Array([8, 13]));
  it.each([
    ['the business refuses it', failure(Status.NOT_FOUND)],
    ['its deadline has passed', failure(Status.DEADLINE_EXCEEDED)],
    ['a handler failed', failure(Status.INTERNAL, answered)],
    ['something else went wrong', new Error('a bug')],
    ['the error is of this process', new MeshError(Status.INTERNAL, 'INTERNAL', 'a bug')],
  ])('ends if %s', async (_, error) => {
    const { call, requests } = listing([3, error]);
    await expect(ids(call({}))).rejects.toBe(error);
    expect(requests).toHaveLength(1);
  });

  it('ends if it is cancelled while it waits', async () => {
    const { call, requests } = listing([3, unavailable]);
    const caller = new AbortController();
    const items = call({}, { signal: caller.signal });
    await expect(
      (async () => {
        for await (const { id } of items) if (id === 3) caller.abort();
      })(),
    ).rejects.toBe(unavailable);
    expect(requests).toHaveLength(1);
  });
});
