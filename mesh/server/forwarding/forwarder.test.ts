import { Metadata, Status } from 'nice-grpc-common';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { EngineMethod, MethodKind, Transport } from '../../engines/engine.ts';
import { nativeEngine } from '../../engines/native/engine.ts';
import { toStatus } from '../../errors/to-status.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { type Gateway, openGateway } from '../../testing/engine-behind-gateway.ts';
import { eventually } from '../../testing/eventually.ts';
import { freePort } from '../../testing/servers/free-port.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { rawConnection } from '../testing/raw-call.ts';

const logger = createLogger('silent');
const options = { toStatus: (error: unknown, call: Parameters<typeof toStatus>[1]) => toStatus(error, call, logger) };
const call = { metadata: Metadata(), deadlineMs: undefined, signal: undefined };

function method(name: string, kind: MethodKind): EngineMethod<string, string> {
  const encode = (text: string) => Buffer.from(text);
  const decode = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  const codec = { encodeRequest: encode, decodeRequest: decode, encodeResponse: encode, decodeResponse: decode };
  return { path: `/user.v1.UserService/${name}`, kind, ...codec };
}

const getUser = method('GetUser', 'unary');
const listUsers = method('ListUsers', 'server-streaming');

/** The text of each call that the server behind the gateway has begun. "hang" never ends. */
let begun: string[];
let gateway: Gateway;

beforeEach(async () => {
  begun = [];
  const host = nativeEngine.createServerHost(options);
  const answer = (text: string) => {
    begun.push(text);
    return text === 'hang' ? new Promise<string>(() => undefined) : Promise.resolve(text);
  };
  host.add(getUser, { kind: 'unary', handle: (read) => answer(read()) });
  host.add(listUsers, {
    kind: 'server-streaming',
    async *handle(read) {
      yield await answer(read());
    },
  });
  gateway = await openGateway(`127.0.0.1:${await host.listen('127.0.0.1:0')}`, '127.0.0.1:0', options);
  onTestFinished(async () => {
    await gateway.drain(0);
    await host.drain(0);
  });
});

function connect(): Transport {
  const transport = nativeEngine.connect(`127.0.0.1:${gateway.port}`);
  onTestFinished(() => transport.close());
  return transport;
}

function hang(transport: Transport, count: number): void {
  for (let made = 0; made < count; made += 1) transport.unary(getUser, 'hang', call).catch(() => undefined);
}

describe('the forwarder', () => {
  it('lets a caller have 128 unary calls under way, and another caller go ahead of its others', async () => {
    hang(connect(), 300);
    await eventually(() => expect(begun).toHaveLength(128));
    expect(await connect().unary(getUser, 'polite', call)).toBe('polite');
    expect(begun).toHaveLength(129);
  });

  it('counts no stream as such a call', async () => {
    const transport = connect();
    for (let made = 0; made < 200; made += 1) {
      void Array.fromAsync(transport.serverStreaming(listUsers, 'hang', call)).catch(() => undefined);
    }
    await eventually(() => expect(begun).toHaveLength(200));
    expect(await transport.unary(getUser, 'next', call)).toBe('next');
  });

  it('gives no place to a call whose request is not complete', async () => {
    const session = await rawConnection(`127.0.0.1:${gateway.port}`);
    onTestFinished(() => session.destroy());
    const head = { ':method': 'POST', ':path': getUser.path, 'content-type': 'application/grpc', te: 'trailers' };
    for (let made = 0; made < 300; made += 1)
      session
        .request(head)
        .on('error', () => undefined)
        .write(Buffer.alloc(3));
    expect(await connect().unary(getUser, 'complete', call)).toBe('complete');
    expect(begun).toEqual(['complete']);
  });

  it('frees the place of a call that its caller cancels', async () => {
    const transport = connect();
    const cancel = new AbortController();
    for (let made = 0; made < 128; made += 1) {
      transport.unary(getUser, 'hang', { ...call, signal: cancel.signal }).catch(() => undefined);
    }
    await eventually(() => expect(begun).toHaveLength(128));
    const waiting = transport.unary(getUser, 'after', call);
    cancel.abort();
    expect(await waiting).toBe('after');
  });

  it('refuses a call that waits until its deadline', async () => {
    const transport = connect();
    hang(transport, 128);
    await eventually(() => expect(begun).toHaveLength(128));
    const waiting = transport.unary(getUser, 'late', { ...call, deadlineMs: Date.now() + 100 });
    await expect(waiting).rejects.toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    expect(begun).not.toContain('late');
  });

  it('logs one line in 10 s of the calls of a service that no instance takes', async () => {
    const clock = createTestClock();
    const { logger, lines } = captureLog();
    const address = `127.0.0.1:${await freePort()}`;
    const away = await openGateway(address, '127.0.0.1:0', { ...options, clock, logger });
    onTestFinished(() => away.drain(0));
    const transport = nativeEngine.connect(`127.0.0.1:${away.port}`);
    onTestFinished(() => transport.close());
    const fail = () => expect(transport.unary(getUser, 'x', call)).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    const warnings = () => lines.filter(({ msg }) => msg === 'forwarded call');
    for (let calls = 0; calls < 5; calls += 1) await fail();
    const reason = `${address} cannot be reached: connect ECONNREFUSED ${address}; check that it runs at this address`;
    const message = `no instance of behind took the call (the last: ${reason})`;
    expect(warnings()).toMatchObject([{ level: 'warn', method: getUser.path, err: { message } }]);
    clock.advance(10_000);
    await fail();
    expect(warnings().slice(1)).toMatchObject([{ level: 'warn', unlogged: 4 }]);
  });
});
