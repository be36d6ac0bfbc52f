import { once } from 'node:events';
import { constants, performServerHandshake, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../../../testing/eventually.ts';
import { grpcFrame } from '../../../../testing/grpc-frame.ts';
import type { Transport } from '../../../engine.ts';
import { answer, serveRaw } from '../../../suite/transport/raw-server.ts';
import { connectNative } from '../../connect.ts';
import { callOf, textMethod } from '../../testing/text-methods.ts';
import { createServerHost } from '../server/server-host.ts';
import type { EndpointOptions } from './endpoint-options.ts';

function connect(address: string, options: EndpointOptions = {}): Transport {
  const transport = connectNative(address, options);
  onTestFinished(() => transport.close());
  return transport;
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const hello = (transport: Transport) => transport.unary(textMethod('unary'), 'hello', callOf());

describe('a client that pings its server', () => {
  const tooMany = Buffer.from('too_many_pings');

  /** The number of pings during a call that gets a message every 60 ms, after this many complaints of the server. */
  async function pingsAfter(
    complaints: number,
    options: EndpointOptions,
    messages = 0,
    text = tooMany,
  ): Promise<number> {
    let pings = 0;
    const { address } = await serveRaw((stream, count) => {
      const { session } = stream;
      session?.on('ping', () => {
        if (count > complaints) pings += 1;
      });
      if (count <= complaints) {
        stream.on('close', () => session?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, text));
        answer(stream);
        return;
      }
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      for (let sent = 1; sent <= messages; sent += 1)
        setTimeout(() => stream.write(grpcFrame(Buffer.from('a'))), 60 * sent);
      setTimeout(() => stream.end(grpcFrame(Buffer.from('a'))), 360);
    });
    const transport = connect(address, options);
    for (let count = 0; count <= complaints; count += 1) {
      await Array.fromAsync(transport.serverStreaming(textMethod('server-streaming'), 'hello', callOf()));
    }
    return pings;
  }

  it('does not do so by default', async () => {
    expect(await pingsAfter(0, { patience: { quietPingMs: 0 } })).toBe(0);
  });

  it('does so once while a call waits, because the server sends nothing', async () => {
    expect(await pingsAfter(0, { keepalive: { everyMs: 20 } })).toBe(1);
  });

  it('does so again after the server has sent something', async () => {
    const pings = await pingsAfter(0, { keepalive: { everyMs: 20 } }, 5);
    expect(pings).toBeGreaterThan(2);
    expect(pings).toBeLessThan(8);
  });

  it('does so half as often after each complaint', async () => {
    expect(await pingsAfter(10, { keepalive: { everyMs: 20 } }, 5)).toBe(0);
  });

  it('does so as often after a GOAWAY for another reason', async () => {
    expect(await pingsAfter(10, { keepalive: { everyMs: 20 } }, 5, Buffer.from('overloaded'))).toBeGreaterThan(2);
  });
});

/** Accepts one stream at a time per connection. */
async function serveTcp(onStream: (stream: ServerHttp2Stream) => void, port = 0): Promise<Server> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    const session = performServerHandshake(socket, { settings: { maxConcurrentStreams: 1 } });
    session.on('error', () => undefined).on('stream', (stream: ServerHttp2Stream) => onStream(stream.resume()));
    onTestFinished(() => session.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return server;
}

describe('a client with many calls', () => {
  it('makes thousands of calls on a connection that are refused before they are sent', async () => {
    const toStatus = () => ({ code: Status.UNIMPLEMENTED, details: '', metadata: Metadata() });
    const host = createServerHost({ toStatus });
    const transport = connect(`127.0.0.1:${await host.listen('127.0.0.1:0')}`);
    onTestFinished(() => host.drain(0));
    const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };
    const call = () =>
      transport.clientStreaming(textMethod('client-streaming'), never, callOf()).catch(({ code }) => code);
    for (let round = 0; round < 60; round += 1) {
      const codes = await Promise.all(Array.from({ length: 50 }, call));
      expect(new Set(codes)).toEqual(new Set([Status.UNIMPLEMENTED]));
    }
  });

  it('serves a call that waited for a full connection once the server is back', async () => {
    const held: ServerHttp2Stream[] = [];
    const first = await serveTcp((stream) => void held.push(stream));
    const { port } = first.address() as AddressInfo;
    const transport = connect(`127.0.0.1:${port}`);
    const full = hello(transport);
    await eventually(() => expect(held).toHaveLength(1));
    // It no longer listens, but keeps the connection that it has.
    first.close();
    const waiting = hello(transport);
    // Meanwhile the attempt is refused.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await serveTcp((stream) => answer(stream, 'from the second'), port);
    expect(await waiting).toBe('from the second');
    answer(held[0] as ServerHttp2Stream);
    expect(await full).toBe('hello');
  });

  it('keeps no call that ends while it waits for a connection', async () => {
    const { address } = await serveRaw(() => undefined, { maxConcurrentStreams: 1 });
    const transport = connect(address, { maxConnections: 1 });
    const hanging = hello(transport).catch(() => undefined);
    const calls: WeakRef<object>[] = [];
    for (let count = 0; count < 1_000; count += 1) {
      const metadata = Metadata();
      calls.push(new WeakRef(metadata));
      const late = transport.unary(textMethod('unary'), 'late', callOf({ metadata, deadlineMs: Date.now() + 5 }));
      const ended = late.catch(() => undefined);
      if (count % 50 === 49) await ended;
    }
    await eventually(() => {
      collectGarbage();
      expect(calls.filter((call) => call.deref() !== undefined).length).toBeLessThan(300);
    });
    transport.close();
    await hanging;
  });
});
