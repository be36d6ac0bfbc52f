import { once } from 'node:events';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { encodeStatusDetails } from '../../../../errors/status-details.ts';
import { eventually } from '../../../../testing/eventually.ts';
import { grpcFrame } from '../../../../testing/grpc-frame.ts';
import { listBytes } from '../../http2/hpack/tables/dynamic-table.ts';
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

describe('a forwarded call', () => {
  it('passes the fields and bytes of its request unchanged, whatever their compression', async () => {
    const server = await serveRequests((stream) => answer(stream));
    const { address } = await openRawGateway([server.address]);
    const sent = {
      'content-type': 'application/grpc',
      'user-agent': 'grpc-go/1.2.3',
      'grpc-encoding': 'snappy',
      'grpc-accept-encoding': 'snappy',
      'some-bin': 'AAEC,/w',
      authorization: 'Bearer x',
      'x-request-id': 'r1',
    };
    const body = Buffer.from([1, 0, 0, 0, 3, 9, 9, 9]);
    expect(await exchange(address, unary, body, sent)).toMatchObject({ status: Status.OK, body: hello });
    const [request] = server.requests;
    expect(request?.headers).toMatchObject({ ...sent, ':path': unary, te: 'trailers', ':authority': address });
    expect(request?.body).toEqual(body);
    expect(request?.headers).not.toHaveProperty('grpc-timeout');
  });

  it('passes the header and the trailers of its reply unchanged', async () => {
    const header = { 'some-bin': 'AAEC,/w', 'grpc-encoding': 'snappy', server: 'other' };
    const trailers = { 'grpc-status': '5', 'grpc-message': 'no%20user', 'grpc-status-details-bin': 'CAU', more: 'a' };
    const server = await serveRequests((stream) => answer(stream, header, trailers));
    const { address, ends } = await openRawGateway([server.address]);
    const reply = await exchange(address, unary, hello);
    expect(reply.header).toMatchObject({ ...header, 'content-type': 'application/grpc+proto' });
    expect(reply).toMatchObject({ trailers, body: hello, isOneBlock: false });
    expect(ends).toEqual([{ code: Status.NOT_FOUND, unprocessed: false, error: undefined }]);
  });

  it.each([
    [8, { code: Status.RESOURCE_EXHAUSTED, reason: 'TOO_MANY_TOKENS' }],
    [5, { code: Status.NOT_FOUND, reason: undefined }],
  ])('reports why its endpoint has no room (status %i)', async (status, end) => {
    const details = { reason: 'TOO_MANY_TOKENS', metadata: {}, violations: [], retryAfterMs: undefined };
    const packed = Buffer.from(encodeStatusDetails(status, 'no', details)).toString('base64');
    const trailers = { 'grpc-status': `${status}`, 'grpc-status-details-bin': packed };
    const server = await serveRequests((stream) => answer(stream, {}, trailers));
    const { address, ends } = await openRawGateway([server.address]);
    await exchange(address, unary, hello);
    expect(ends).toMatchObject([end]);
  });

  it('passes a reply of one block as one block', async () => {
    const server = await serveRequests((stream) =>
      stream.respond({ ...grpc, 'grpc-status': '7', 'grpc-message': 'no' }, { endStream: true }),
    );
    const { address, ends } = await openRawGateway([server.address]);
    const reply = await exchange(address, unary, hello);
    expect(reply).toMatchObject({ isOneBlock: true, header: { 'grpc-status': '7', 'grpc-message': 'no' } });
    expect(ends).toMatchObject([{ code: Status.PERMISSION_DENIED }]);
  });

  it('passes on what is left of its deadline', async () => {
    const server = await serveRequests((stream) => answer(stream));
    const { address } = await openRawGateway([server.address]);
    await exchange(address, unary, hello, { 'grpc-timeout': '30S' });
    const [, left] = /^(\d+)m$/.exec(`${server.requests[0]?.headers['grpc-timeout']}`) ?? [];
    expect(Number(left)).toBeGreaterThan(20_000);
    expect(Number(left)).toBeLessThanOrEqual(30_000);
  });

  it('passes metadata of 16 KiB, for which its request id leaves no room', async () => {
    const server = await serveRequests((stream) => answer(stream, { big: 'y'.repeat(16_000) }));
    const { address } = await openRawGateway([server.address]);
    // The size of a request without metadata, as HTTP/2 counts it.
    const fields = [':method', 'POST', ':path', unary, 'content-type', 'application/grpc'];
    const ownBytes = listBytes([...fields, ':scheme', 'http', ':authority', address]);
    const big = 'x'.repeat(16 * 1024 - ownBytes - listBytes(['big', '']));
    const reply = await exchange(address, unary, hello, { big });
    expect([reply.status, reply.header.big?.length]).toEqual([Status.OK, 16_000]);
    expect(server.requests[0]?.headers.big === big).toBe(true);
    const more = await exchange(address, unary, hello, { big: `${big}x` });
    expect(more.status).toBe(Status.RESOURCE_EXHAUSTED);
  });

  it('ends at its endpoint when its caller cancels it', async () => {
    const server = await serveStreams((stream) => stream.respond(grpc));
    const { address, ends } = await openRawGateway([server.address]);
    const stream = await openStream(address, chat);
    await eventually(() => expect(server.streams).toHaveLength(1));
    stream.close(constants.NGHTTP2_CANCEL);
    await eventually(() => expect(server.streams[0]?.rstCode).toBe(constants.NGHTTP2_CANCEL));
    expect(ends).toMatchObject([{ code: Status.CANCELLED, unprocessed: false }]);
  });

  it('is left to its endpoint to end when its caller leaves at the deadline', async () => {
    const server = await serveStreams(() => undefined);
    const { address, calls, ends } = await openRawGateway([server.address]);
    const stream = await openStream(address, unary, { 'grpc-timeout': '500m' });
    stream.end(hello);
    await eventually(() => expect(server.streams).toHaveLength(1));
    // As early as counts as being at the deadline: the call ends 100 ms after that.
    const leavesMs = Number(calls[0]?.deadlineMs) - 45;
    await eventually(() => expect(Date.now()).toBeGreaterThanOrEqual(leavesMs), { intervalMs: 1 });
    stream.close(constants.NGHTTP2_CANCEL);
    await eventually(() => expect(ends).toMatchObject([{ code: Status.CANCELLED }]), { intervalMs: 1 });
    server.streams[0]?.respond({ ...grpc, 'grpc-status': '4' }, { endStream: true });
    await eventually(() => expect(server.streams[0]?.closed).toBe(true));
    expect(server.streams[0]?.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  });

  it('ends at its deadline if its endpoint does not end it', async () => {
    const server = await serveStreams(() => undefined);
    const { address } = await openRawGateway([server.address]);
    const reply = await exchange(address, unary, hello, { 'grpc-timeout': '100m' });
    expect(reply.status).toBe(Status.DEADLINE_EXCEEDED);
    await eventually(() => expect(server.streams[0]?.rstCode).toBe(constants.NGHTTP2_CANCEL));
  });

  it.each([
    ['nothing arrives', Buffer.alloc(0)],
    ['only a part arrives', hello.subarray(0, 6)],
    ['it is not ended', hello],
  ])('ends with DEADLINE_EXCEEDED when the time for its request is over and %s', async (_, part) => {
    const server = await serveRequests((stream) => answer(stream));
    const { address, ends } = await openRawGateway([server.address], { requestTimeoutMs: 60 });
    const stream = await openStream(address, unary);
    if (part.length > 0) stream.write(part);
    const [end] = await once(stream, 'response', { signal: AbortSignal.timeout(2_000) });
    expect(end['grpc-status']).toBe(`${Status.DEADLINE_EXCEEDED}`);
    expect(ends).toMatchObject([{ unprocessed: true, error: { reason: 'REQUEST_INCOMPLETE' } }]);
    expect(server.streams).toEqual([]);
  });

  it('has no such limit once its request is complete, or if it streams requests', async () => {
    const server = await serveStreams((stream) => void setTimeout(() => answer(stream), 200));
    const { address } = await openRawGateway([server.address], { requestTimeoutMs: 60 });
    expect(await exchange(address, unary, hello)).toMatchObject({ status: Status.OK });
    const stream = await openStream(address, chat);
    stream.write(hello);
    const [header] = await once(stream, 'response', { signal: AbortSignal.timeout(2_000) });
    expect(header['content-type']).toBe(grpc['content-type']);
  });
});

describe('a reply that is not regular', () => {
  it.each([constants.NGHTTP2_ENHANCE_YOUR_CALM, constants.NGHTTP2_CANCEL])('passes the reset %i on', async (code) => {
    const server = await serveRequests((stream) => stream.close(code));
    const { address } = await openRawGateway([server.address]);
    expect((await exchange(address, unary, hello)).resetCode).toBe(code);
  });

  it('gets the status of its HTTP status if it is not gRPC', async () => {
    const server = await serveRequests((stream) => {
      stream.respond({ ':status': 503, 'content-type': 'text/html' });
      stream.end('<html>');
    });
    const { address } = await openRawGateway([server.address]);
    const reply = await exchange(address, unary, hello);
    expect(reply).toMatchObject({ status: Status.UNAVAILABLE, isOneBlock: true });
    expect(reply.body).toHaveLength(0);
  });
});
