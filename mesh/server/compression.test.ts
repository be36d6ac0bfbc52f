import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, it, onTestFinished } from 'vitest';
import { User } from '../../gen/ts/user/v1/user.ts';
import { nativeEngine } from '../engines/native/engine.ts';
import { grpcFrame, readGrpcFrames } from '../testing/grpc-frame.ts';
import { type EchoHandlers, echoService } from './testing/echo-service.ts';
import { rawCall, rawConnection } from './testing/raw-call.ts';
import { serveForTest } from './testing/serve-echo.ts';

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
