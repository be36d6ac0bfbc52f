import { randomBytes } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { User } from '../../gen/ts/user/v1/user.ts';
import { nativeEngine } from '../engines/native/engine.ts';
import { eventually } from '../testing/eventually.ts';
import { grpcFrame, readGrpcFrames } from '../testing/grpc-frame.ts';
import type { ServerOptions } from './create-server.ts';
import { fixedLimits } from './policies/admission/policy.ts';
import { type EchoHandlers, echoService } from './testing/echo-service.ts';
import { rawCall, rawConnection } from './testing/raw-call.ts';
import { serveForTest } from './testing/serve-echo.ts';
import { startEcho } from './testing/start-echo.ts';

const ada = User.fromPartial({ name: 'Ada', email: 'ada@example.com' });

async function call(handlers: Partial<EchoHandlers>, path: string, body: Buffer, headers: Record<string, string>) {
  const { server, address } = await serveForTest({ serves: [echoService(handlers)], engine: nativeEngine });
  const session = await rawConnection(address);
  onTestFinished(async () => {
    session.destroy();
    await server.drain(0);
  });
  return await rawCall(session, `/test.v1.EchoService/${path}`, body, headers);
}

/** The messages of a body: whether each is compressed, and what it says. */
function messagesOf(body: Buffer): (readonly [compressed: boolean, user: string])[] {
  return readGrpcFrames(body).map(({ isCompressed, bytes }) => [
    isCompressed,
    User.decode(isCompressed ? gunzipSync(bytes) : bytes).name,
  ]);
}

it('lets a handler choose which replies are compressed', async () => {
  const handlers: Partial<EchoHandlers> = {
    async *many(_, context) {
      yield { name: 'plain' };
      context.compressReplies = true;
      yield { name: 'small' };
    },
  };
  const body = grpcFrame(User.encode(ada).finish());
  const taking = await call(handlers, 'Many', body, { 'grpc-accept-encoding': 'gzip' });
  const messages = messagesOf(taking.body);
  expect(messages).toEqual([
    [false, 'plain'],
    [true, 'small'],
  ]);
  const plain = await call(handlers, 'Many', body, {});
  expect(messagesOf(plain.body)).toEqual([
    [false, 'plain'],
    [false, 'small'],
  ]);
});

it('reports to a handler whether its request was compressed', async () => {
  const handlers: Partial<EchoHandlers> = {
    one: async ({ name }, { requestCompressed }) => ({ name: `${name} ${requestCompressed}` }),
  };
  const zipped = grpcFrame(gzipSync(User.encode(ada).finish()));
  zipped[0] = 1;
  const answer = await call(handlers, 'One', zipped, { 'grpc-encoding': 'gzip' });
  expect(messagesOf(answer.body)).toEqual([[false, 'Ada true']]);
});

describe('a large compressed request', () => {
  const large = User.fromPartial({ name: 'large', email: 'a'.repeat(4_000_000) });
  const zippedLarge = zippedFrame(large);

  /** Starts the echo service, and records which handlers start. */
  async function startRecording(handlers: Partial<EchoHandlers> = {}, options: Partial<ServerOptions> = {}) {
    const begun: string[] = [];
    const one: EchoHandlers['one'] = async ({ name }) => {
      begun.push(name);
      return { name };
    };
    const echo = echoService({ one, ...handlers });
    const { server, address } = await serveForTest({ serves: [echo], engine: nativeEngine, ...options });
    const session = await rawConnection(address);
    session.on('error', () => undefined);
    onTestFinished(async () => {
      session.destroy();
      await server.drain(0);
    });
    const send = (path: string, body: Buffer) =>
      rawCall(session, `/test.v1.EchoService/${path}`, body, { 'grpc-encoding': 'gzip' });
    return { begun, send };
  }

  it('lets other calls start while it is decompressed', async () => {
    const { begun, send } = await startRecording();
    const answers = [send('One', zippedLarge), send('One', zippedFrame(ada))];
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([Status.OK, Status.OK]);
    expect(begun).toEqual(['Ada', 'large']);
  });

  it('lets other calls start while it is decompressed, even if it claims to be small', async () => {
    const { begun, send } = await startRecording();
    const lying = Buffer.from(zippedLarge);
    lying.writeUInt32LE(10, lying.length - 4);
    const [lie, small] = await Promise.all([send('One', lying), send('One', zippedFrame(ada))]);
    expect([lie?.status, small?.status]).toEqual([Status.INTERNAL, Status.OK]);
    expect(begun).toEqual(['Ada']);
  });

  it.each(['Many', 'Collect', 'Chat'])('is read whole by %s', async (method) => {
    const { send } = await startRecording();
    const { status, body } = await send(
      method,
      Buffer.concat([zippedLarge, ...(method === 'Many' ? [] : [zippedLarge])]),
    );
    expect(status).toBe(Status.OK);
    expect(readGrpcFrames(body).length).toBeGreaterThan(0);
  });

  it('counts toward the bytes that may wait, with its size when decompressed', async () => {
    const { send } = await startRecording(
      {},
      { admission: () => fixedLimits({ waitingBytesPerConnection: 4_000_000 }) },
    );
    const answers = [send('One', zippedLarge), send('One', zippedLarge), send('One', zippedFrame(ada))];
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(statuses[0]).toBe(Status.OK);
    expect(statuses).toContain(Status.RESOURCE_EXHAUSTED);
    expect((await send('One', zippedFrame(ada))).status).toBe(Status.OK);
  });
});

it('logs what the caller got if the deadline passes while the response is compressed', async () => {
  const large = { name: 'large', email: randomBytes(2_000_000).toString('base64') };
  const handlers: Partial<EchoHandlers> = {
    async one(_, context) {
      context.compressReplies = true;
      return large;
    },
  };
  const { session, lines } = await startEcho(handlers, {}, { engine: nativeEngine });
  const headers = { 'grpc-accept-encoding': 'gzip', 'grpc-timeout': '250m' };
  const one = () => rawCall(session, '/test.v1.EchoService/One', grpcFrame(User.encode(ada).finish()), headers);
  // Two are compressed at a time, so the others wait for longer than their deadline.
  const answers = await Promise.all(Array.from({ length: 20 }, one));
  const codes = answers.map(({ status }) => Status[status]).toSorted();
  expect(codes).toContain('DEADLINE_EXCEEDED');
  const logged = () => lines.filter(({ msg }) => msg === 'call').map(({ code }) => code);
  await eventually(() => expect(logged().toSorted()).toEqual(codes));
});

function zippedFrame(user: User): Buffer {
  return grpcFrame(gzipSync(User.encode(user).finish()), true);
}
