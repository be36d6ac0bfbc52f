import { constants, type ServerHttp2Stream } from 'node:http2';
import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../../testing/servers/free-port.ts';
import type { Engine, Transport } from '../../engine.ts';
import { answer, serveRaw, serveRefusedResponse } from './raw-server.ts';
import { bidiStreaming, call, clientStreaming, connectAddress, serverStreaming, unary } from './text-server.ts';

/** Which failed calls no handler can have seen, so they may be sent elsewhere. */
export function unsentSuite(engine: Engine): void {
  const kinds: readonly [string, (transport: Transport, maxOpenings?: number) => Promise<unknown>][] = [
    ['a unary call', (to, maxOpenings) => to.unary(unary, 'x', { ...call, maxOpenings })],
    [
      'a server stream',
      (to, maxOpenings) => readAll(to.serverStreaming(serverStreaming, 'x', { ...call, maxOpenings })),
    ],
    ['a client stream', (to, maxOpenings) => to.clientStreaming(clientStreaming, texts(), { ...call, maxOpenings })],
    ['a bidi stream', (to, maxOpenings) => readAll(to.bidiStreaming(bidiStreaming, texts(), { ...call, maxOpenings }))],
  ];

  /** A transport to a server that does `act` with each stream, and the number of streams so far. */
  async function serving(act: (stream: ServerHttp2Stream, count: number) => void) {
    let streams = 0;
    const { address } = await serveRaw((stream, count) => {
      streams = count;
      act(stream, count);
    });
    return { transport: connectAddress(engine, address), streams: () => streams };
  }

  const refuse = (stream: ServerHttp2Stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM);
  const unsent = { code: Status.UNAVAILABLE, unsent: true };
  const sent = { code: Status.UNAVAILABLE, unsent: false, lost: false };

  describe.each(kinds)('%s', (_, send) => {
    it('is unsent if nothing listens at the address', async () => {
      const transport = connectAddress(engine, `127.0.0.1:${await freePort()}`);

      await expect(send(transport)).rejects.toMatchObject({
        ...unsent,
        details: expect.stringContaining('ECONNREFUSED'),
      });
    });

    it('is unsent if the client has closed the transport', async () => {
      const { transport } = await serving((stream) => answer(stream));
      transport.close();

      await expect(send(transport)).rejects.toMatchObject(unsent);
    });

    it('is unsent if the server refused it, and is opened once if asked', async () => {
      const { transport, streams } = await serving(refuse);

      await expect(send(transport, 1)).rejects.toMatchObject(unsent);
      expect(streams()).toBe(1);
    });

    it('is lost if the connection was lost after it was opened', async () => {
      const { transport } = await serving((stream) => setImmediate(() => stream.session?.destroy()));

      await expect(send(transport)).rejects.toMatchObject({ ...sent, lost: true });
    });

    it('is not unsent if the server answered UNAVAILABLE with any text', async () => {
      const { transport } = await serving((stream) => {
        const text = 'No connection established. Last error: ECONNREFUSED. Resolution note: ';
        const status = { 'grpc-status': `${Status.UNAVAILABLE}`, 'grpc-message': encodeURIComponent(text) };
        stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...status }, { endStream: true });
      });

      await expect(send(transport)).rejects.toMatchObject(sent);
    });

    it('is unimplemented if the server answered that and nothing else', async () => {
      const { transport } = await serving((stream) => {
        const status = { 'grpc-status': `${Status.UNIMPLEMENTED}` };
        stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...status }, { endStream: true });
      });

      await expect(send(transport)).rejects.toMatchObject({ code: Status.UNIMPLEMENTED, unimplemented: true });
    });

    it('is not unimplemented if its response had begun', async () => {
      const { transport } = await serving((stream) => answer(stream, 'hello', Status.UNIMPLEMENTED));

      await expect(send(transport)).rejects.toMatchObject({ code: Status.UNIMPLEMENTED, unimplemented: false });
    });

    it('is not unsent if its response had begun', async () => {
      const { address } = await serveRefusedResponse();
      const transport = connectAddress(engine, address);

      await expect(send(transport)).rejects.toMatchObject(sent);
    });
  });

  it.each([kinds[0], kinds[2]].filter((kind) => kind !== undefined))(
    '%s is not unimplemented if the server answered OK without a message',
    async (_, send) => {
      const { transport } = await serving((stream) => {
        const head = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' };
        stream.respond(head, { endStream: true });
      });

      await expect(send(transport)).rejects.toMatchObject({ code: Status.UNIMPLEMENTED, unimplemented: false });
    },
  );
}

async function* texts() {
  yield 'x';
}

async function readAll(texts: AsyncIterable<string>): Promise<string[]> {
  return await Array.fromAsync(texts);
}
