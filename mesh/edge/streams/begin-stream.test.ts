import type { Message } from '@bufbuild/protobuf';
import { Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import type { MeshCallOptions } from '../../client/calls.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { beginStream } from './begin-stream.ts';
import type { StreamCursor } from './cursor.ts';

interface TestMessage extends Message {
  readonly at: number;
}

const messageAt = (at: number): TestMessage => ({ $typeName: 'test.v1.Message', at });
const unavailable = new MeshError(Status.UNAVAILABLE, 'UNAVAILABLE', 'cut off');

/** What a test makes of each call: messages, and how it ends. */
type Script = (request: TestMessage) => AsyncIterable<TestMessage>;

/** Begins a stream of numbers, whose request says after which one it starts. */
function begin(scripts: readonly Script[], { isResumed = false, hasCursor = true } = {}) {
  const clock = createTestClock();
  const draining = new AbortController();
  const requests: number[] = [];
  const options: MeshCallOptions[] = [];
  let at = 0;
  const cursor: StreamCursor = {
    startAt: (value) => {
      at = Number(value);
    },
    take: (message) => {
      at = (message as TestMessage).at;
    },
    startId: () => '',
    id: () => '',
    next: () => messageAt(at),
    refusalOf: () => undefined,
  };
  const call = (request: Message, given: MeshCallOptions = {}) => {
    options.push(given);
    const script = scripts[requests.push((request as TestMessage).at) - 1];
    if (script === undefined) throw new Error('one call too many');
    return script(request as TestMessage);
  };
  const begun = beginStream({
    call,
    request: messageAt(0),
    options: { deadline: 7 },
    cursor: hasCursor ? cursor : undefined,
    isResumed,
    draining: draining.signal,
    clock,
  });
  return { clock, draining, requests, options, begun };
}

/** The messages after that of the request, up to a number; then the end of the script. */
const upTo = (last: number, end: () => unknown = () => undefined): Script =>
  async function* ({ at }) {
    for (let next = at + 1; next <= last; next++) yield messageAt(next);
    await end();
  };

const fail = (error: Error) => () => Promise.reject(error);
const forever = () => new Promise<never>(() => undefined);

/** Whether a promise has settled. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = {};
  const turn = new Promise((resolve) => setImmediate(resolve, pending));
  return (await Promise.race([promise.catch(() => undefined), turn])) !== pending;
}

/** Reads a stream to its end, and lets its pauses pass. */
async function readAll({ begun, clock }: ReturnType<typeof begin>): Promise<number[]> {
  const { first, rest } = await begun;
  const ats: number[] = [];
  for (let next = first; ; next = rest.next()) {
    while (!(await isSettled(next))) clock.advance(2_500);
    const { done, value } = await next;
    if (done) return ats;
    ats.push((value as TestMessage).at);
  }
}

describe('the begin of a stream', () => {
  it('is its first message', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { begun, clock } = begin([
      async function* () {
        await promise;
        yield messageAt(1);
      },
    ]);
    expect(await isSettled(begun)).toBe(false);
    resolve();
    expect(await (await begun).first).toEqual({ done: false, value: messageAt(1) });
    expect(clock.pendingMs()).toEqual([]);
  });

  it('is its end', async () => {
    const { begun } = begin([upTo(0)]);
    expect(await (await begun).first).toMatchObject({ done: true });
  });

  it.each([true, false])('is refused with the error that comes before it (can be resumed: %s)', async (hasCursor) => {
    const { begun, clock, requests } = begin([upTo(0, fail(unavailable))], { hasCursor });
    await expect(begun).rejects.toThrow('cut off');
    expect(requests).toEqual([0]);
    expect(clock.pendingMs()).toEqual([]);
  });

  it('is a moment of silence', async () => {
    const { begun, clock } = begin([upTo(0, forever)]);
    clock.advance(499);
    expect(await isSettled(begun)).toBe(false);
    clock.advance(1);
    expect(await isSettled(begun)).toBe(true);
  });

  it('is where it starts, if the service says so', async () => {
    const { begun, options } = begin([upTo(0, forever)]);
    options[0]?.onHeader?.(Metadata());
    expect(await isSettled(begun)).toBe(false);
    options[0]?.onHeader?.(Metadata({ 'resume-after': '3' }));
    await (await begun).announced;
  });

  it('can be cancelled, and keeps the options of its call', async () => {
    const { begun, options, clock } = begin([upTo(0, forever)]);
    clock.advance(500);
    const stream = await begun;
    expect(options[0]).toMatchObject({ deadline: 7, signal: { aborted: false } });
    stream.cancel();
    expect(options[0]?.signal?.aborted).toBe(true);
  });
});

describe('a stream that is cut off', () => {
  it('continues where its cursor is', async () => {
    const stream = begin([upTo(3, fail(unavailable)), upTo(5)]);
    expect(await readAll(stream)).toEqual([1, 2, 3, 4, 5]);
    expect(stream.requests).toEqual([0, 3]);
  });

  it('continues where it starts, if that was all it had', async () => {
    const cut = Promise.withResolvers<never>();
    const stream = begin([upTo(0, () => cut.promise), upTo(8)]);
    stream.options[0]?.onHeader?.(Metadata({ 'resume-after': '6' }));
    await stream.begun;
    cut.reject(unavailable);
    expect(await readAll(stream)).toEqual([7, 8]);
  });

  it('ends if it has no cursor', async () => {
    const stream = begin([upTo(3, fail(unavailable))], { hasCursor: false });
    await expect(readAll(stream)).rejects.toThrow('cut off');
  });

  it('ends during a drain', async () => {
    const stream = begin([upTo(3, fail(unavailable))]);
    await stream.begun;
    stream.draining.abort();
    await expect(readAll(stream)).rejects.toThrow('cut off');
    expect(stream.requests).toEqual([0]);
  });

  it('waits for its service from the begin if its caller had it before', async () => {
    const stream = begin([upTo(0, fail(unavailable)), upTo(0, fail(unavailable)), upTo(2)], { isResumed: true });
    stream.clock.advance(500);
    expect(await readAll(stream)).toEqual([1, 2]);
    expect(stream.requests).toEqual([0, 0, 0]);
  });

  it('is refused with other errors even if its caller had it before', async () => {
    const gone = new MeshError(Status.NOT_FOUND, 'USER_NOT_FOUND', 'gone');
    await expect(begin([upTo(0, fail(gone))], { isResumed: true }).begun).rejects.toThrow('gone');
  });
});
