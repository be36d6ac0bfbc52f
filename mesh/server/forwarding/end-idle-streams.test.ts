import { setTimeout } from 'node:timers/promises';
import { Metadata, Status } from 'nice-grpc-common';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { EngineMethod, MethodKind, Transport } from '../../engines/engine.ts';
import { nativeEngine } from '../../engines/native/engine.ts';
import { toStatus } from '../../errors/to-status.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { openGateway } from '../../testing/engine-behind-gateway.ts';
import { eventually } from '../../testing/eventually.ts';
import { grpcFrame } from '../../testing/grpc-frame.ts';
import { createTestClock, type TestClock } from '../../testing/test-clock.ts';
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

const listUsers = method('ListUsers', 'server-streaming');
/** A method that the descriptors of the gateway do not have. */
const renameUser = method('RenameUser', 'unary');
const big = 'x'.repeat(400_000);

let clock: TestClock;
let draining: AbortController;
let address: string;
let begun: number;
/** Lets the handlers continue. */
let release: () => void;

beforeEach(async () => {
  clock = createTestClock();
  draining = new AbortController();
  begun = 0;
  const { promise: released, resolve } = Promise.withResolvers<void>();
  release = resolve;
  const host = nativeEngine.createServerHost(options);
  host.add(renameUser, {
    kind: 'unary',
    async handle(read) {
      begun += 1;
      await released;
      return read();
    },
  });
  host.add(listUsers, {
    kind: 'server-streaming',
    async *handle(read) {
      begun += 1;
      yield read() === 'big' ? big : 'first';
      await released;
      yield 'last';
    },
  });
  const behind = `127.0.0.1:${await host.listen('127.0.0.1:0')}`;
  const gateway = await openGateway(behind, '127.0.0.1:0', { ...options, clock, draining: draining.signal });
  address = `127.0.0.1:${gateway.port}`;
  onTestFinished(async () => {
    await gateway.drain(0);
    await host.drain(0);
  });
});

function connect(): Transport {
  const transport = nativeEngine.connect(address);
  onTestFinished(() => transport.close());
  return transport;
}

/** Drains the gateway for so long. */
async function drain(forMs: number): Promise<void> {
  draining.abort();
  clock.advance(forMs);
  // A failed call would have ended by then.
  await setTimeout(50);
}

describe('a call at a gateway that drains', () => {
  it('ends with SERVER_DRAINING after 2 s if it is a listing that is idle', async () => {
    const replies = connect().serverStreaming(listUsers, '', call)[Symbol.asyncIterator]();
    expect((await replies.next()).value).toBe('first');
    const next = replies.next();
    void next.catch(() => undefined);
    await drain(2_250);
    await expect(next).rejects.toMatchObject({ code: Status.UNAVAILABLE });
  });

  it('continues if it is a listing that pauses for a second', async () => {
    const replies = connect().serverStreaming(listUsers, '', call)[Symbol.asyncIterator]();
    expect((await replies.next()).value).toBe('first');
    await drain(1_000);
    release();
    expect((await replies.next()).value).toBe('last');
    expect((await replies.next()).done).toBe(true);
  });

  it('continues while its caller does not read', async () => {
    const session = await rawConnection(address);
    onTestFinished(() => session.destroy());
    const head = { ':method': 'POST', ':path': listUsers.path, 'content-type': 'application/grpc', te: 'trailers' };
    const stream = session.request(head).on('error', () => undefined);
    stream.end(grpcFrame(Buffer.from('big')));
    await new Promise((resolve) => stream.once('response', resolve));
    stream.pause();
    // As much has arrived as may without a reader.
    await eventually(() => expect(stream.state.localWindowSize).toBe(0));
    await setTimeout(50);
    await drain(10_000);
    release();
    let status: unknown;
    stream.on('trailers', (trailers) => {
      status = trailers['grpc-status'];
    });
    expect(Buffer.concat(await Array.fromAsync<Buffer>(stream)).length).toBeGreaterThan(big.length);
    expect(status).toBe(`${Status.OK}`);
  });

  it('continues if its method is not known there', async () => {
    const renamed = connect().unary(renameUser, 'Ann', call);
    void renamed.catch(() => undefined);
    await eventually(() => expect(begun).toBe(1));
    await drain(10_000);
    release();
    expect(await renamed).toBe('Ann');
  });
});
