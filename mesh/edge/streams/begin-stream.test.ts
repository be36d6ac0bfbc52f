import type { Message } from '@bufbuild/protobuf';
import { Metadata } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import type { MeshCallOptions } from '../../client/calls.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { beginStream } from './begin-stream.ts';

/** A call of a test, which sends messages when it is told to. */
function startCall() {
  const clock = createTestClock();
  const first = Promise.withResolvers<Message | undefined>();
  const calls: MeshCallOptions[] = [];
  async function* call(options: MeshCallOptions) {
    calls.push(options);
    const message = await first.promise;
    if (message !== undefined) yield message;
  }
  const begun = beginStream(call, { deadline: 7 }, clock);
  return { clock, first, begun, options: () => calls[0] };
}

const message = { $typeName: 'test.v1.Message' };

/** Whether a promise has settled. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = {};
  const result = await Promise.race([
    promise.catch(() => undefined),
    new Promise((resolve) => setImmediate(resolve, pending)),
  ]);
  return result !== pending;
}

describe('the begin of a stream', () => {
  it('is its first message', async () => {
    const { begun, first, clock } = startCall();
    expect(await isSettled(begun)).toBe(false);
    first.resolve(message);
    expect(await (await begun).first).toEqual({ done: false, value: message });
    expect((await begun).start).toBe('');
    expect(clock.pendingMs()).toEqual([]);
  });

  it('is its end', async () => {
    const { begun, first } = startCall();
    first.resolve(undefined);
    expect(await (await begun).first).toEqual({ done: true, value: undefined });
  });

  it('is refused with the error that comes before it', async () => {
    const { begun, first, clock } = startCall();
    first.reject(new Error('refused'));
    await expect(begun).rejects.toThrow('refused');
    expect(clock.pendingMs()).toEqual([]);
  });

  it('is a moment of silence', async () => {
    const { begun, first, clock } = startCall();
    clock.advance(499);
    expect(await isSettled(begun)).toBe(false);
    clock.advance(1);
    const stream = await begun;
    first.reject(new Error('lost'));
    await expect(stream.first).rejects.toThrow('lost');
  });

  it('is where it starts, if the service says so', async () => {
    const { begun, options } = startCall();
    await isSettled(begun);
    options()?.onHeader?.(Metadata());
    expect(await isSettled(begun)).toBe(false);
    options()?.onHeader?.(Metadata({ 'resume-after': '0=3' }));
    expect((await begun).start).toBe('0=3');
  });

  it('can be cancelled, and keeps the options of its call', async () => {
    const { begun, options, clock } = startCall();
    clock.advance(500);
    const stream = await begun;
    expect(options()).toMatchObject({ deadline: 7, signal: { aborted: false } });
    stream.cancel();
    expect(options()?.signal?.aborted).toBe(true);
  });
});
