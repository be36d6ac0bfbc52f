import { once } from 'node:events';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { toStatus } from '../../../../errors/to-status.ts';
import { rawCall, rawConnection } from '../../../../server/testing/raw-call.ts';
import { createLogger } from '../../../../telemetry/logger.ts';
import { grpcFrame } from '../../../../testing/grpc-frame.ts';
import type { ServerHostOptions } from '../../../engine.ts';
import { textMethod } from '../../testing/text-methods.ts';
import { createServerHost } from './server-host.ts';

const logger = createLogger('silent');

async function start(): Promise<ClientHttp2Session> {
  const toWire: ServerHostOptions['toStatus'] = (error, call) => toStatus(error, call, logger);
  const host = createServerHost({ requestTimeoutMs: 60, toStatus: toWire });
  host.add(textMethod('unary'), { kind: 'unary', handle: async (read) => read() });
  host.add(textMethod('server-streaming'), {
    kind: 'server-streaming',
    async *handle(read, { signal }) {
      await Promise.race([once(signal, 'abort'), new Promise((resolve) => setTimeout(resolve, 150))]);
      yield read();
    },
  });
  host.add(textMethod('client-streaming'), {
    kind: 'client-streaming',
    handle: async (texts) => (await Array.fromAsync(texts)).join(),
  });
  const session = await rawConnection(`127.0.0.1:${await host.listen('127.0.0.1:0')}`);
  session.on('error', () => undefined);
  onTestFinished(() => {
    session.destroy();
    return host.drain(0);
  });
  return session;
}

function begin(session: ClientHttp2Session, path: string): ClientHttp2Stream {
  return session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
}

describe('the time limit of a request', () => {
  const whole = grpcFrame(Buffer.from('abc'));

  it.each([
    ['nothing arrives', '/t/unary', Buffer.alloc(0)],
    ['only a part arrives', '/t/unary', whole.subarray(0, 6)],
    ['it is not ended', '/t/unary', whole],
    ['nothing arrives', '/t/server-streaming', Buffer.alloc(0)],
  ])('ends the call with DEADLINE_EXCEEDED if %s at %s', async (_, path, part) => {
    const stream = begin(await start(), path);
    stream.on('error', () => undefined);
    if (part.length > 0) stream.write(part);
    const [end] = await once(stream, 'response');
    expect(end['grpc-status']).toBe(`${Status.DEADLINE_EXCEEDED}`);
    expect(decodeURIComponent(`${end['grpc-message']}`)).toMatch(/did not arrive completely within 60 ms/);
  });

  it('ends no call whose request is complete, even if its response takes long', async () => {
    const answer = await rawCall(await start(), '/t/server-streaming', whole);
    expect(answer).toMatchObject({ status: Status.OK, body: whole });
  });

  it('does not apply to a stream of requests', async () => {
    const stream = begin(await start(), '/t/client-streaming');
    stream.write(whole);
    setTimeout(() => stream.end(whole), 150);
    let status: unknown;
    stream.on('trailers', (trailers) => {
      status = trailers['grpc-status'];
    });
    await once(stream.resume(), 'end');
    expect(status).toBe(`${Status.OK}`);
  });
});
