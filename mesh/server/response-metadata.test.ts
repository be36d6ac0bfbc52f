import { once } from 'node:events';
import { connect, type Http2Stream } from 'node:http2';
import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { User } from '../../gen/ts/user/v1/user.ts';
import type { Engine } from '../engines/engine.ts';
import { grpcJsEngine } from '../engines/grpc-js/engine.ts';
import { nativeEngine } from '../engines/native/engine.ts';
import { grpcFrame } from '../testing/grpc-frame.ts';
import type { MeshCallContext } from './call-context.ts';
import { startEcho } from './testing/start-echo.ts';

const large = 'x'.repeat(2_000);
const request = grpcFrame(User.encode(User.fromPartial({ name: 'Ada' })).finish());

const handlersWith = (set: (context: MeshCallContext) => void) => ({
  async one(user: User, context: MeshCallContext) {
    set(context);
    return user;
  },
  async *many(user: User, context: MeshCallContext) {
    set(context);
    yield user;
  },
});

/** The status that a caller gets that accepts 1,000 bytes of metadata, and the lines of the access log. */
async function call(engine: Engine, method: 'One' | 'Many', set: (context: MeshCallContext) => void) {
  const { address, lines } = await startEcho(handlersWith(set), {}, { engine });
  const session = connect(`http://${address}`, { settings: { maxHeaderListSize: 1_000 } });
  onTestFinished(() => session.destroy());
  const path = `/test.v1.EchoService/${method}`;
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
  stream.end(request);
  const status = await statusOf(stream);
  return { status, calls: lines.filter(({ msg }) => msg === 'call') };
}

async function statusOf(stream: Http2Stream): Promise<number> {
  let status = Number.NaN;
  for (const event of ['response', 'trailers'])
    stream.on(event, (fields) => {
      status = Number(fields['grpc-status'] ?? status);
    });
  stream.resume();
  await once(stream, 'close');
  return status;
}

describe.each([nativeEngine, grpcJsEngine])('response metadata that the caller does not accept, on $name', (engine) => {
  it.each([
    ['the header', 'One', ({ header }: MeshCallContext) => header.set('x-large', large)],
    ['the trailer', 'One', ({ trailer }: MeshCallContext) => trailer.set('x-large', large)],
    ['the header of a stream', 'Many', ({ header }: MeshCallContext) => header.set('x-large', large)],
    ['the trailer of a stream', 'Many', ({ trailer }: MeshCallContext) => trailer.set('x-large', large)],
  ] as const)('is RESOURCE_EXHAUSTED for the caller and in the access log: %s', async (_, method, set) => {
    const { status, calls } = await call(engine, method, set);
    expect(status).toBe(Status.RESOURCE_EXHAUSTED);
    expect(calls).toMatchObject([{ code: 'RESOURCE_EXHAUSTED' }]);
  });
});
