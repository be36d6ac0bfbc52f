import { constants, type ServerHttp2Stream } from 'node:http2';
import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { encodeStatusDetails } from '../../../../errors/status-details.ts';
import { eventually } from '../../../../testing/eventually.ts';
import { grpcFrame } from '../../../../testing/grpc-frame.ts';
import { freePort } from '../../../../testing/servers/free-port.ts';
import { exchange, openStream, serveRequests, serveStreams } from '../../testing/raw-exchange.ts';
import { openRawGateway } from '../../testing/raw-gateway.ts';

const unary = '/t/unary';
const chat = '/t/bidi-streaming';
const hello = grpcFrame(Buffer.from('hello'));
const grpc = { ':status': 200, 'content-type': 'application/grpc+proto' };
const ok = { 'grpc-status': '0' };

function answer(stream: ServerHttp2Stream, header: object = {}, trailers: object = ok): void {
  stream.respond({ ...grpc, ...header }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }));
  stream.end(hello);
}

const details = { reason: 'X', metadata: {}, violations: [], retryAfterMs: undefined };
const reasonX = Buffer.from(encodeStatusDetails(Status.UNIMPLEMENTED, 'no', details)).toString('base64');

const refuse = (stream: ServerHttp2Stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM);
const cut = (stream: ServerHttp2Stream) => stream.session?.destroy();

describe('an endpoint that does not begin a call', () => {
  it('is replaced by the next if it refuses the stream, with the whole request', async () => {
    const first = await serveRequests(refuse);
    const second = await serveRequests((stream) => answer(stream));
    const { address, ends } = await openRawGateway([first.address, second.address]);
    for (const path of [unary, chat]) expect((await exchange(address, path, hello)).body).toEqual(hello);
    expect(second.requests.map(({ body }) => body)).toEqual([hello, hello]);
    expect(ends.map(({ code }) => code)).toEqual([Status.OK, Status.OK]);
  });

  it('is replaced by the next if nothing listens there', async () => {
    const server = await serveRequests((stream) => answer(stream));
    const { address } = await openRawGateway([`127.0.0.1:${await freePort()}`, server.address]);
    for (const path of [unary, chat]) expect((await exchange(address, path, hello)).body).toEqual(hello);
  });

  it('is replaced by the next if it does not have the method, also before the whole request has arrived', async () => {
    const head = { ...grpc, 'grpc-status': `${Status.UNIMPLEMENTED}` };
    const first = await serveStreams((stream) => stream.respond(head, { endStream: true }));
    const second = await serveRequests((stream) => answer(stream));
    const { address, ends } = await openRawGateway([first.address, second.address]);
    expect((await exchange(address, unary, hello)).body).toEqual(hello);
    const stream = await openStream(address, chat);
    stream.write(hello);
    await eventually(() => expect(second.streams).toHaveLength(2));
    stream.end(hello);
    await eventually(() => expect(ends.map(({ code }) => code)).toEqual([Status.OK, Status.OK]));
    expect(second.requests.map(({ body }) => body)).toEqual([hello, Buffer.concat([hello, hello])]);
    expect(first.sessions).toHaveLength(1);
  });

  it.each([
    ['if no other is left', 0, {}],
    ['if a handler gives its reason', 1, { 'grpc-status-details-bin': reasonX }],
  ])('answers that it does not have the method %s', async (_, others, details) => {
    const head = { ...grpc, 'grpc-status': `${Status.UNIMPLEMENTED}`, 'grpc-message': 'no', ...details };
    const server = await serveRequests((stream) => stream.respond(head, { endStream: true }));
    const { address } = await openRawGateway(Array.from({ length: 1 + others }, () => server.address));
    const reply = await exchange(address, unary, hello);
    expect(reply).toMatchObject({ isOneBlock: true, header: { 'grpc-status': '12', 'grpc-message': 'no' } });
    expect(server.requests).toHaveLength(1);
  });

  it('ends the call as unprocessed if there is no other', async () => {
    const { address, ends } = await openRawGateway([`127.0.0.1:${await freePort()}`]);
    const reply = await exchange(address, unary, hello);
    expect(reply.status).toBe(Status.UNAVAILABLE);
    expect(ends).toMatchObject([{ code: Status.UNAVAILABLE, unprocessed: true }]);
  });

  it('is not replaced after more of the request than is kept', async () => {
    const first = await serveStreams((stream) => {
      let bytes = 0;
      stream.on('data', (piece: Buffer) => {
        bytes += piece.length;
        if (bytes > 100_000) refuse(stream);
      });
    });
    const second = await serveRequests((stream) => answer(stream));
    const { address } = await openRawGateway([first.address, second.address]);
    const reply = await exchange(address, chat, grpcFrame(Buffer.alloc(200_000)));
    expect(reply.status).toBe(Status.UNAVAILABLE);
    expect(second.requests).toEqual([]);
  });
});

describe('an endpoint that is lost', () => {
  it('ends a call without a reply with ENDPOINT_LOST, and the gateway does not repeat it', async () => {
    const first = await serveRequests(cut);
    const second = await serveRequests((stream) => answer(stream));
    const { address, ends } = await openRawGateway([first.address, second.address]);
    const reply = await exchange(address, unary, hello);
    expect(reply.status).toBe(Status.UNAVAILABLE);
    expect(ends).toMatchObject([{ unprocessed: false, error: { reason: 'ENDPOINT_LOST' } }]);
    expect(ends[0]?.error).toMatchObject({ message: expect.stringMatching(/call again with the same request_id$/) });
    expect(second.requests).toEqual([]);
  });

  it('ends a reply after a message with UNAVAILABLE', async () => {
    const server = await serveRequests((stream) => {
      stream.respond(grpc);
      stream.write(hello, () => setTimeout(() => cut(stream), 50));
    });
    const { address } = await openRawGateway([server.address]);
    const reply = await exchange(address, chat, hello);
    expect(reply.body).toEqual(hello);
    expect(reply.trailers['grpc-status']).toBe(`${Status.UNAVAILABLE}`);
  });

  it.each([3, 7])('resets a reply that ends after %i bytes of a message', async (bytes) => {
    const server = await serveRequests((stream) => {
      stream.respond(grpc);
      stream.write(Buffer.concat([hello, hello.subarray(0, bytes)]), () => setTimeout(() => cut(stream), 50));
    });
    const { address } = await openRawGateway([server.address]);
    const reply = await exchange(address, chat, hello);
    expect(reply.trailers).toEqual({});
    expect(reply.resetCode).toBe(constants.NGHTTP2_INTERNAL_ERROR);
  });
});
