import { expect, it } from 'vitest';
import { type ChannelOptions, createChannel, createServer } from '../index.ts';
import { serveTexts, textsAt } from '../testing/serve-texts.ts';

it.each<[ChannelOptions, string]>([
  [{ 'grpc.max_receive_message_length': '5' as never }, "grpc.max_receive_message_length is '5': pass a number"],
  [{ 'grpc.keepalive_time_ms': Number.NaN }, 'grpc.keepalive_time_ms is NaN: pass a number'],
  [{ 'grpc.max_concurrent_streams': null as never }, 'grpc.max_concurrent_streams is null: pass a number'],
  [{ 'grpc.primary_user_agent': 5 as never }, 'grpc.primary_user_agent is 5: pass a string'],
])('a channel and a server refuse the options %o', (options, text) => {
  expect(() => createChannel('localhost:1', undefined, options)).toThrow(text);
  expect(() => createServer(options)).toThrow(text);
});

it('a channel and a server warn of options that they do not have', async () => {
  const options = { 'grpc.max_receive_message_length': undefined, toString: 1 } as unknown as ChannelOptions;
  for (const create of [() => createServer(options), () => createChannel('localhost:1', undefined, options)]) {
    const warned = Promise.withResolvers<Error>();
    process.once('warning', warned.resolve);
    create();
    expect((await warned.promise).message).toContain('ignores toString: it has no such option');
  }
});

it.each([0, 2 ** 31])('a channel may take as long to connect as %s ms allow', async (limitMs) => {
  const { port } = await serveTexts();
  const answered = textsAt(port, { 'grpc.min_reconnect_backoff_ms': limitMs }).one({ text: 'a' });
  // Timers that are due by then run before this process notices that it is connected.
  const block = () => {
    const endMs = performance.now() + 10;
    while (performance.now() < endMs);
  };
  block();
  process.nextTick(block);
  expect(await answered).toEqual({ text: 'a' });
});
