import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MeshError } from '../../../errors/mesh-error.ts';
import { rawConnection } from '../../../server/testing/raw-call.ts';
import { eventually } from '../../../testing/eventually.ts';
import type { Engine } from '../../engine.ts';
import { callUnary, createHost, echo, hanging, many, see, start } from './text-host.ts';

/** Metadata, limits, listening and draining. */
export function connectionSuite(engine: Engine): void {
  describe('the metadata of a response', () => {
    it('has the headers and trailers that the handler set', async () => {
      const { session } = await start(engine, {
        kind: 'unary',
        handle: async (read, call) => {
          call.header.set('x-header', 'h');
          call.trailer.set('x-trailer', 't');
          return read();
        },
      });
      const stream = session.request({ ':method': 'POST', ':path': '/t/unary', 'content-type': 'application/grpc' });
      stream.end(many('a'));
      const headers = once(stream, 'response');
      const trailers = once(stream, 'trailers');
      stream.resume();
      expect((await headers)[0]).toMatchObject({ 'x-header': 'h' });
      expect((await trailers)[0]).toMatchObject({ 'x-trailer': 't', 'grpc-status': '0' });
    });

    it('has an error text with characters that HTTP does not allow', async () => {
      const text = 'naïve 100 %\n\ud800 "quoted"';
      const { session } = await start(engine, {
        kind: 'unary',
        handle: () => Promise.reject(new MeshError(Status.ABORTED, 'ODD', text)),
      });
      const answer = await callUnary(session, 'a');
      expect(answer).toMatchObject({
        status: Status.ABORTED,
        message: text.toWellFormed(),
        details: { reason: 'ODD' },
      });
    });
  });

  describe('the limits of a server host', () => {
    it('are announced to its peers', async () => {
      const { port } = await start(engine, echo);
      const session = connectHttp2(`http://127.0.0.1:${port}`);
      onTestFinished(() => session.destroy());
      const [settings] = await once(session, 'remoteSettings');
      expect(settings).toMatchObject({ maxConcurrentStreams: 1_000, initialWindowSize: 256 * 1024 });
    });

    /** Makes calls and cancels each once its handler has begun, up to `count` or until the connection is gone. */
    async function cancelMany(count: number) {
      let begun = Promise.withResolvers<void>();
      const { session, port } = await start(engine, {
        kind: 'unary',
        handle: (read) => {
          const text = read();
          begun.resolve();
          return text === 'stay' ? Promise.resolve(text) : new Promise(() => undefined);
        },
      });
      const gone = new Promise((resolve) => session.once('close', () => resolve('gone')));
      for (let index = 0; index < count; index += 1) {
        begun = Promise.withResolvers();
        const stream = session.request({ ':method': 'POST', ':path': '/t/unary', 'content-type': 'application/grpc' });
        stream.on('error', () => undefined);
        stream.end(many('a'));
        if ((await Promise.race([begun.promise, gone])) === 'gone') break;
        stream.close(8);
      }
      return { session, port };
    }

    it('tolerate a caller that cancels many calls', async () => {
      const { session } = await cancelMany(1_500);
      expect((await callUnary(session, 'stay')).status).toBe(Status.OK);
    });

    it('end the connection of a caller that only cancels, and no other', async () => {
      const { session, port } = await cancelMany(20_000);
      expect(session.destroyed).toBe(true);
      const other = await rawConnection(`127.0.0.1:${port}`);
      onTestFinished(() => other.destroy());
      expect((await callUnary(other, 'stay')).status).toBe(Status.OK);
    });
  });

  describe('listening', () => {
    const listen = (address: string) => createHost(engine).listen(address);

    it('names the address that is in use', async () => {
      const other = createTcpServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      onTestFinished(() => void other.close());
      const address = `127.0.0.1:${(other.address() as AddressInfo).port}`;
      const error = { reason: 'ADDRESS_IN_USE', message: expect.stringContaining(address) };
      await expect(listen(address)).rejects.toMatchObject(error);
    });

    it.each(['', '50051', 'localhost', '127.0.0.1:', '127.0.0.1:99999', '::1:50051', 'a b:1'])(
      'refuses the invalid address %j',
      async (address) => {
        await expect(listen(address)).rejects.toMatchObject({ reason: 'BAD_LISTEN_ADDRESS' });
      },
    );

    it('refuses an address of another machine', async () => {
      await expect(listen('192.0.2.1:0')).rejects.toMatchObject({
        reason: 'BAD_LISTEN_ADDRESS',
        message: expect.stringContaining('192.0.2.1:0'),
      });
    });
  });

  describe('draining', () => {
    it('ends when the open calls have ended', async () => {
      const { promise, resolve } = Promise.withResolvers<string>();
      const started = Promise.withResolvers<void>();
      const { host, session } = await start(
        engine,
        see(() => started.resolve(), promise),
      );
      const answer = callUnary(session, 'a');
      await started.promise;
      const drained = host.drain(10_000);
      resolve('late');
      expect(await answer).toMatchObject({ status: Status.OK, body: many('late') });
      await drained;
    });

    it('ends no open call for a connection that begins meanwhile', async () => {
      const { promise, resolve } = Promise.withResolvers<string>();
      const started = Promise.withResolvers<void>();
      const { host, port, session } = await start(
        engine,
        see(() => started.resolve(), promise),
      );
      const answer = callUnary(session, 'a');
      await started.promise;
      const socket = connectTcp(port, '127.0.0.1');
      await eventually(() => expect(host.openConnections).toBe(2));
      const drained = host.drain(10_000);
      const late = connectHttp2('http://127.0.0.1', { createConnection: () => socket });
      late.on('error', () => undefined);
      await once(late, 'goaway');
      late.close();
      // What ends now would end before the answer.
      await setTimeout(50);
      resolve('late');
      expect(await answer).toMatchObject({ status: Status.OK, body: many('late') });
      await drained;
    });

    it('ends open calls after its grace period', async () => {
      const { calls, handler } = hanging();
      const { host, session } = await start(engine, handler);
      const call = session.request({ ':method': 'POST', ':path': '/t/unary', 'content-type': 'application/grpc' });
      call.on('error', () => undefined);
      call.end(many('a'));
      await eventually(() => expect(calls).toHaveLength(1));
      const aborted = calls[0]?.signal;
      await host.drain(50);
      await eventually(() => expect(aborted?.aborted).toBe(true));
    });
  });
}
