import { afterEach, describe, expect, it } from 'vitest';
import { User } from '../../gen/ts/user/v1/user.ts';
import { type EchoHandlers, echoService } from './test-support/echo-service.ts';
import { echoClient, serveForTest } from './test-support/serve-echo.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(handlers: Partial<EchoHandlers> = {}, contract = {}) {
  const served = await serveForTest({ serves: [echoService(handlers, contract)] });
  const { client, channel } = echoClient(served.address);
  cleanups.push(
    () => served.server.drain(0),
    () => channel.close(),
  );
  return { ...served, client, channel };
}

const ada = User.fromPartial({ id: 'u1', name: 'Ada', email: 'ada@example.com' });

async function* stream(...names: string[]) {
  for (const name of names) yield { name };
}

describe('a server', () => {
  it('answers a unary call', async () => {
    const { client } = await start();
    expect(await client.one(ada)).toEqual(ada);
  });

  it('streams answers in order', async () => {
    const { client } = await start();
    const ids = await Array.fromAsync(client.many(ada), (user) => user.id);
    expect(ids).toEqual(['0', '1', '2', '3', '4']);
  });

  it('collects a stream of requests', async () => {
    const { client } = await start();
    expect((await client.collect(stream('a', 'b', 'c'))).name).toBe('a,b,c');
  });

  it('answers while requests still come', async () => {
    const { client } = await start();
    const names = await Array.fromAsync(client.chat(stream('a', 'b')), (user) => user.name);
    expect(names).toEqual(['a', 'b']);
  });

  it('fills in what a handler left out of its answer', async () => {
    const { client } = await start({ one: async () => ({ name: 'Ada' }) });
    expect(await client.one(ada)).toEqual(User.fromPartial({ name: 'Ada' }));
  });
});
