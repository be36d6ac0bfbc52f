import { setImmediate } from 'node:timers/promises';
import type { Message } from '@bufbuild/protobuf';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import type { Problem } from '../problem.ts';
import { type StreamType, streamFormats } from './formats.ts';
import { StreamBody } from './stream-body.ts';

const lines = 'application/x-ndjson';
const sse = 'text/event-stream';
const array = 'application/json';

/** A stream of numbers that a test sends, and its body. */
function open(type: StreamType, start = '') {
  const clock = createTestClock();
  const waiting: ((result: IteratorResult<Message>) => void)[] = [];
  const sent: Promise<IteratorResult<Message>>[] = [];
  const announced = Promise.withResolvers<void>();
  let startId = start;
  const state = { taken: 0, written: 0, heads: 0, cancelled: false, returned: false };
  const put = (result: Promise<IteratorResult<Message>>) => {
    result.catch(() => undefined);
    const reader = waiting.shift();
    if (reader) reader(result as never);
    else sent.push(result);
  };
  const next = () => {
    state.taken += 1;
    return sent.shift() ?? new Promise<IteratorResult<Message>>((resolve) => waiting.push(resolve));
  };
  const rest = {
    next,
    async return() {
      state.returned = true;
      return { done: true as const, value: undefined };
    },
  };
  const described: unknown[] = [];
  const body = new StreamBody({
    stream: {
      first: next(),
      rest,
      announced: announced.promise,
      cancel: () => {
        state.cancelled = true;
      },
    },
    format: streamFormats[type],
    write(message) {
      state.written += 1;
      return JSON.stringify(message);
    },
    cursor: { startId: () => startId, id: () => `id-${state.written}` },
    describe(error) {
      described.push(error);
      return { reason: (error as Error).message } as Problem;
    },
    sendHead: () => {
      state.heads += 1;
    },
    clock,
  });
  onTestFinished(() => void body.destroy());
  return {
    body,
    clock,
    announce(id: string) {
      startId = id;
      announced.resolve();
    },
    state,
    described,
    send: (...values: unknown[]) => {
      for (const value of values) put(Promise.resolve({ done: false, value: value as Message }));
    },
    end: () => put(Promise.resolve({ done: true, value: undefined })),
    fail: (error: Error) => put(Promise.reject(error)),
  };
}

/** Reads a body as its chunks come. */
function read(body: StreamBody) {
  const chunks: string[] = [];
  const ended = new Promise<'end' | Error>((resolve) => {
    body
      .on('data', (chunk) => chunks.push(String(chunk)))
      .on('end', () => resolve('end'))
      .on('error', resolve);
  });
  const text = async () => {
    await ended;
    return chunks.join('');
  };
  return { chunks, ended, text };
}

describe('the body of a stream', () => {
  it.each([
    [array, '[\n1,\n2\n]\n'],
    [lines, '1\n2\n'],
    ['application/jsonl', '1\n2\n'],
    [sse, 'retry: 1000\n\nid: id-1\ndata: 1\n\nid: id-2\ndata: 2\n\nevent: end\ndata: {}\n\n'],
  ] as const)('has all messages as %s', async (type, text) => {
    const { body, send, end } = open(type);
    send(1, 2);
    end();
    expect(await read(body).text()).toBe(text);
  });

  it.each([
    [array, '[]\n'],
    [lines, ''],
    [sse, 'retry: 1000\n\nevent: end\ndata: {}\n\n'],
  ] as const)('is whole without messages as %s', async (type, text) => {
    const { body, end } = open(type);
    end();
    expect(await read(body).text()).toBe(text);
  });

  it.each([
    [lines, '1\n{"error":{"reason":"lost"}}\n'],
    [sse, 'retry: 1000\n\nid: id-1\ndata: 1\n\nevent: error\ndata: {"reason":"lost"}\n\n'],
  ] as const)('ends with the problem as %s', async (type, text) => {
    const { body, send, fail, described } = open(type);
    const reading = read(body);
    send(1);
    fail(new Error('lost'));
    expect(await reading.text()).toBe(text);
    expect(described).toEqual([new Error('lost')]);
  });

  it('is cut off after an error as a JSON array, so no one takes it for all', async () => {
    const { body, send, fail, described } = open(array);
    const { ended, chunks } = read(body);
    send(1);
    fail(new Error('lost'));
    expect(await ended).toEqual(new Error('lost'));
    expect(() => JSON.parse(chunks.join(''))).toThrow();
    expect(described).toHaveLength(1);
  });

  it('begins with where the stream starts, if that is known', async () => {
    const { body, end } = open(sse, '0=3');
    end();
    expect(await read(body).text()).toBe('retry: 1000\nid: 0=3\n\nevent: end\ndata: {}\n\n');
  });

  it('has where the stream starts before its first message, even if that comes late', async () => {
    const { body, announce, send, end } = open(sse);
    const reading = read(body);
    await eventually(() => expect(reading.chunks).toHaveLength(1));
    announce('0=3');
    await eventually(() => expect(reading.chunks).toHaveLength(2));
    send(1);
    end();
    expect(await reading.text()).toMatch(/^retry: 1000\n\nretry: 1000\nid: 0=3\n\nid: id-1\ndata: 1\n\n/);
  });

  it('sends together what has arrived, and waits for nothing more', async () => {
    const { body, send } = open(lines);
    const { chunks } = read(body);
    send(1, 2, 3);
    await eventually(() => expect(chunks).toEqual(['1\n2\n3\n']));
    send(4);
    await eventually(() => expect(chunks).toEqual(['1\n2\n3\n', '4\n']));
  });

  it('sends its head if there is nothing else to send', async () => {
    const { body, state, send } = open(lines);
    read(body);
    await eventually(() => expect(state.heads).toBe(1));
    send(1);
    await setImmediate();
    expect(state.heads).toBe(1);
  });

  it('takes no more messages than its reader has room for', async () => {
    const { body, state, send, end } = open(lines);
    send(...Array.from({ length: 1_000 }, () => 'x'.repeat(1_000)));
    end();
    body.once('readable', () => undefined);
    await eventually(() => expect(body.waitsForReader).toBe(true));
    for (let turn = 0; turn < 10; turn += 1) await setImmediate();
    expect(state.taken).toBeLessThan(150);
    expect((await read(body).text()).length).toBe(1_000 * 1_003);
    expect(body.sentLength).toBe(1_000 * 1_003);
  });

  it('sends a heartbeat after each 15 s of silence as SSE', async () => {
    const { body, clock, send } = open(sse);
    const { chunks } = read(body);
    send(1);
    await eventually(() => expect(chunks.join('')).toContain('data: 1'));
    const beats = async (expected: number) => {
      for (let turn = 0; turn < 3; turn += 1) await setImmediate();
      expect(chunks.filter((chunk) => chunk === ':\n\n')).toHaveLength(expected);
    };
    clock.advance(14_999);
    await beats(0);
    clock.advance(1);
    await beats(1);
    clock.advance(10_000);
    send(2);
    await eventually(() => expect(chunks.at(-1)).toContain('data: 2'));
    clock.advance(14_999);
    await beats(1);
    clock.advance(1);
    await beats(2);
  });

  it('sends no heartbeat to a reader that does not read', async () => {
    const { body, clock, send } = open(sse);
    send('x'.repeat(100_000));
    body.once('readable', () => undefined);
    await eventually(() => expect(body.waitsForReader).toBe(true));
    const { readableLength } = body;
    clock.advance(60_000);
    await setImmediate();
    expect(body.readableLength).toBe(readableLength);
  });

  it.each([sse, lines, array] as const)('cancels the call when its reader leaves, as %s', async (type) => {
    const { body, state, clock, send } = open(type);
    read(body);
    send(1);
    await eventually(() => expect(body.sentLength).toBeGreaterThan(0));
    body.destroy();
    await eventually(() => expect(state).toMatchObject({ cancelled: true, returned: true }));
    expect(clock.pendingMs()).toEqual([]);
  });

  it('cancels the call when its reader leaves without having read', async () => {
    const { body, state, send } = open(lines);
    send(...Array.from({ length: 100 }, () => 'x'.repeat(1_000)));
    body.once('readable', () => undefined);
    await eventually(() => expect(body.waitsForReader).toBe(true));
    body.destroy();
    await eventually(() => expect(state).toMatchObject({ cancelled: true, returned: true }));
  });
});
