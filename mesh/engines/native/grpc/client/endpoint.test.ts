import type { ServerHttp2Stream } from 'node:http2';
import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { toStatus } from '../../../../errors/to-status.ts';
import { createLogger } from '../../../../telemetry/logger.ts';
import { eventually } from '../../../../testing/eventually.ts';
import { grpcFrame } from '../../../../testing/grpc-frame.ts';
import { http2Frame } from '../../../../testing/http2-frame.ts';
import type { Transport } from '../../../engine.ts';
import { answer, serveRaw } from '../../../suite/transport/raw-server.ts';
import { connectNative } from '../../connect.ts';
import { ErrorCode, FrameType } from '../../http2/codec/frames.ts';
import { serveTcp } from '../../testing/tcp-server.ts';
import { callOf, textMethod } from '../../testing/text-methods.ts';
import { createServerHost } from '../server/server-host.ts';
import type { EndpointOptions } from './endpoint-options.ts';

const unary = textMethod('unary');
const logger = createLogger('silent');

function connect(address: string, options: EndpointOptions = {}): Transport {
  const transport = connectNative(address, options);
  onTestFinished(() => transport.close());
  return transport;
}

const hello = (transport: Transport) => transport.unary(unary, 'hello', callOf());

async function serveEcho(address: string) {
  const host = createServerHost({ toStatus: (error, call) => toStatus(error, call, logger) });
  host.add(unary, { kind: 'unary', handle: async (read) => read() });
  const port = await host.listen(address);
  onTestFinished(() => host.drain(0));
  return { host, address: `127.0.0.1:${port}` };
}

describe('an endpoint', () => {
  it('reconnects after 0.1 s, then after twice as long each time, up to 1 s', async () => {
    let attempts = 0;
    let nowMs = 0;
    const address = await serveTcp((socket) => {
      attempts += 1;
      socket.destroy();
    });
    const transport = connect(address, { clock: { elapsedMs: () => nowMs } });
    const refused = { code: Status.UNAVAILABLE, details: expect.stringContaining(`${address} cannot be reached`) };

    await expect(hello(transport)).rejects.toMatchObject(refused);
    for (const [index, waitMs] of [100, 200, 400, 800, 1_000, 1_000].entries()) {
      nowMs += waitMs - 1;
      await expect(hello(transport)).rejects.toMatchObject(refused);
      expect(attempts).toBe(index + 1);
      nowMs += 1;
      await expect(hello(transport)).rejects.toMatchObject(refused);
      expect(attempts).toBe(index + 2);
    }
  });

  it('is reached once its server is back, and then waits no longer than at first', async () => {
    let nowMs = 0;
    const { host, address } = await serveEcho('127.0.0.1:0');
    await host.drain(0);
    const transport = connect(address, { clock: { elapsedMs: () => nowMs } });
    for (const waitMs of [0, 100, 200]) {
      nowMs += waitMs;
      await expect(hello(transport)).rejects.toMatchObject({ details: expect.stringContaining('ECONNREFUSED') });
    }

    const again = await serveEcho(address);
    nowMs += 400;
    expect(await hello(transport)).toBe('hello');

    await again.host.drain(0);
    await expect(hello(transport)).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    await serveEcho(address);
    nowMs += 100;
    expect(await hello(transport)).toBe('hello');
  });

  it('ends an attempt if its server accepts connections and sends nothing', async () => {
    const closed = Promise.withResolvers<void>();
    const address = await serveTcp((socket) => socket.resume().on('close', () => closed.resolve()));
    const transport = connect(address, { connectTimeoutMs: 40 });
    await expect(hello(transport)).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
      details: expect.stringMatching(`^${address} .*in 40 ms`),
    });
    await closed.promise;
  });
});

describe('a connection of an endpoint', () => {
  it('is replaced if its server ends it, without a failed call', async () => {
    const { address, sessions } = await serveRaw((stream, count) => {
      setImmediate(() => answer(stream));
      if (count % 25 === 0) stream.session?.close();
    });
    const transport = connect(address);
    const callers = Array.from({ length: 20 }, async () => {
      for (let calls = 0; calls < 25; calls += 1) expect(await hello(transport)).toBe('hello');
    });
    await Promise.all(callers);
    expect(sessions.length).toBeGreaterThan(10);
  });

  it('no longer counts once its server ends it, even with open calls', async () => {
    const open: ServerHttp2Stream[] = [];
    const { address, sessions } = await serveRaw((stream) => void open.push(stream));
    const transport = connect(address, { maxConnections: 1 });
    const first = hello(transport);
    await eventually(() => expect(open).toHaveLength(1));
    sessions[0]?.close();
    // Answered once the client knows of the end.
    await new Promise((resolve) => sessions[0]?.ping(resolve));
    const second = hello(transport);
    await eventually(() => expect(open).toHaveLength(2));
    expect(sessions).toHaveLength(2);
    for (const stream of open) answer(stream);
    expect(await second).toBe('hello');
    expect(await first).toBe('hello');
  });

  it('gets another next to it if it is full, up to a limit, and calls wait for room', async () => {
    const open: ServerHttp2Stream[] = [];
    const settings = { maxConcurrentStreams: 2 };
    const { address, sessions } = await serveRaw((stream) => void open.push(stream), settings);
    const transport = connect(address, { maxConnections: 2 });
    const calls = Array.from({ length: 7 }, () => hello(transport));

    await eventually(() => expect(open).toHaveLength(4));
    expect(sessions).toHaveLength(2);
    expect(new Set(open.map(({ session }) => session)).size).toBe(2);

    for (let answered = 0; answered < calls.length; answered += 1) {
      await eventually(() => expect(open.length).toBeGreaterThan(answered));
      answer(open[answered] as ServerHttp2Stream);
    }
    expect(await Promise.all(calls)).toEqual(calls.map(() => 'hello'));
    expect(sessions).toHaveLength(2);
  });

  it('opens no stream for a call that has ended while it waited', async () => {
    const open: ServerHttp2Stream[] = [];
    const { address } = await serveRaw((stream) => void open.push(stream), { maxConcurrentStreams: 1 });
    const transport = connect(address, { maxConnections: 1 });
    const caller = new AbortController();
    const first = hello(transport);
    await eventually(() => expect(open).toHaveLength(1));
    const given = transport.unary(unary, 'given up', callOf({ signal: caller.signal }));
    const last = hello(transport);
    caller.abort();
    await expect(given).rejects.toMatchObject({ code: Status.CANCELLED });

    answer(open[0] as ServerHttp2Stream);
    await first;
    await eventually(() => expect(open).toHaveLength(2));
    answer(open[1] as ServerHttp2Stream);
    await last;
    expect(open).toHaveLength(2);
  });

  it('is ended if its server acknowledges no ping while calls wait', async () => {
    const closed = Promise.withResolvers<void>();
    const address = await serveTcp((socket) => {
      socket.write(http2Frame(FrameType.SETTINGS, 0, 0));
      socket.resume().on('close', () => closed.resolve());
    });
    const transport = connect(address, { patience: { pingEveryMs: 20, pingTimeoutMs: 20 } });
    await expect(hello(transport)).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    await closed.promise;
  });
});

describe('a stream whose server announces the end of its connection', () => {
  it('ends if it would delay that, and continues otherwise', async () => {
    const streams: ServerHttp2Stream[] = [];
    const { address, sessions } = await serveRaw((stream) => {
      streams.push(stream);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.write(grpcFrame(Buffer.from('hello')));
    });
    const transport = connect(address);
    const listing = textMethod('server-streaming');
    const [endless, regular] = [true, false].map((endsAtGoaway) =>
      transport.serverStreaming(listing, 'hello', callOf({ endsAtGoaway }))[Symbol.asyncIterator](),
    ) as [AsyncIterator<string>, AsyncIterator<string>];
    for (const stream of [endless, regular]) expect(await stream.next()).toMatchObject({ value: 'hello' });

    sessions[0]?.goaway();
    await expect(endless.next()).rejects.toMatchObject({ code: Status.UNAVAILABLE, unsent: false });
    await eventually(() => expect(streams[0]?.rstCode).toBe(ErrorCode.CANCEL));
    streams[1]?.end(grpcFrame(Buffer.from('again')));
    expect(await regular.next()).toMatchObject({ value: 'again' });
    expect(await regular.next()).toMatchObject({ done: true });
  });
});
