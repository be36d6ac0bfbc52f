import type { ServerResponse } from 'node:http';
import { constants as http2, type ServerHttp2Stream } from 'node:http2';
import { pipeline, Readable } from 'node:stream';
import { constants, createGzip, type Gzip } from 'node:zlib';
import type { Message } from '@bufbuild/protobuf';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { MeshCallOptions } from '../../client/calls.ts';
import type { OpenStream } from '../../server/forwarding/end-idle-streams.ts';
import type { Clock } from '../../time/clock.ts';
import type { Problem } from '../problem.ts';
import type { RestEndpoint } from '../rest.ts';
import { chooseType } from '../semantics/accept.ts';
import { chooseCoding } from '../semantics/content-coding.ts';
import { addVary } from '../semantics/vary.ts';
import { type BegunStream, beginStream } from './begin-stream.ts';
import { streamFormats, streamTypes } from './formats.ts';
import { StreamBody } from './stream-body.ts';

export interface StreamTools {
  /** Aborts when the process begins to drain. */
  readonly draining: AbortSignal;
  readonly clock: Clock;
  /** The streams that are open, for the drain. */
  readonly streams: Set<OpenStream>;
  /** Describes an error after the begin of an answer, and reports it. */
  readonly failed: (request: FastifyRequest, error: unknown) => Problem;
}

/** A call of a server-streaming method. */
export interface StreamCall {
  readonly endpoint: Pick<RestEndpoint, 'method' | 'write' | 'readCursor'>;
  readonly message: Message;
  readonly options: MeshCallOptions;
}

/**
 * Calls a server-streaming method, and returns the body of its answer, which is empty to HEAD. Rejects with what the stream fails with
 * before it begins, and with INVALID_ARGUMENT `NOT_ACCEPTABLE` and `INVALID_HEADER`.
 */
export async function answerStream(
  request: FastifyRequest,
  reply: FastifyReply,
  { endpoint, message, options }: StreamCall,
  { draining, clock, streams, failed }: StreamTools,
): Promise<Readable> {
  const { accept, 'accept-encoding': acceptEncoding, 'last-event-id': lastId } = headersOf(request);
  const type = chooseType(accept, streamTypes);
  const isEvents = type === 'text/event-stream';
  // What unpacks events on their way may keep them until it has more, so they are only packed for who wants nothing else.
  const coding = chooseCoding(acceptEncoding, isEvents ? 0 : Number.POSITIVE_INFINITY);
  // Only an EventSource has events to name (HTML, 9.2.4). In other formats the request itself says where to continue.
  const lastEventId = isEvents ? lastId : undefined;
  const cursor = endpoint.readCursor(message, lastEventId);
  const first = cursor ? cursor.next() : message;
  // A browser that gets a problem does not connect again, so one that comes back waits for its service.
  const isResumed = Boolean(lastEventId);
  const call = endpoint.method.serverStreaming;
  const start = { call, options, cursor, isResumed, draining, clock };
  const begun = first ? beginStream({ ...start, request: first }) : endedStream;
  const stream = await Promise.resolve(begun).catch((error) => {
    throw cursor?.refusalOf(error) ?? error;
  });

  reply.header('content-type', type);
  addVary(reply, 'accept, accept-encoding');
  if (coding === 'gzip') reply.header('content-encoding', coding);
  const startId = cursor?.startId() ?? '';
  if (startId !== '') reply.header('resume-after', startId);
  if (request.method === 'HEAD') {
    stream.cancel();
    // Nobody reads what it ends with.
    stream.first.catch(() => undefined);
    return Readable.from([]);
  }
  const gzip = coding === 'gzip' ? createFlushingGzip() : undefined;
  const body = new StreamBody({
    stream,
    format: streamFormats[type],
    cursor,
    write: endpoint.write,
    describe: (error) => failed(request, error),
    sendHead: () => (gzip ? gzip.flush() : reply.raw.flushHeaders()),
    clock,
  });
  const open = openStream(body, (error) => request.call.end(error));
  streams.add(open);
  body.once('close', () => streams.delete(open));
  body.once('error', () => cutOff(reply.raw));
  // What fails on the way is known to both.
  return gzip ? pipeline(body, gzip, () => undefined) : body;
}

/** Node joins the values of a header that is sent twice. Two ids are no id. */
function headersOf({ headers }: FastifyRequest): Readonly<Record<string, string | undefined>> {
  return headers as Readonly<Record<string, string | undefined>>;
}

/** Cuts an answer off. Fastify ends the connection, but of HTTP/2 only the stream, and without a code its client takes it for whole. */
function cutOff({ stream }: ServerResponse & { readonly stream?: ServerHttp2Stream }): void {
  stream?.close(http2.NGHTTP2_INTERNAL_ERROR);
}

/** The stream of a request whose caller has all of it. */
const endedStream: BegunStream = {
  first: Promise.resolve({ done: true, value: undefined }),
  rest: { next: () => Promise.resolve({ done: true, value: undefined }) },
  announced: Promise.resolve(),
  cancel: () => undefined,
};

/** How a drain sees a stream, whose request has no messages. */
function openStream(body: StreamBody, fail: (error: unknown) => void): OpenStream {
  const call = {
    requestBytes: 0,
    get replyBytes() {
      return body.sentLength;
    },
    get waitsForReader() {
      return body.waitsForReader;
    },
    fail,
  };
  return { kind: 'server-streaming', call };
}

/** What is written to it can be read at once: the messages of a stream do not wait for each other. */
function createFlushingGzip(): Gzip {
  return createGzip({ level: constants.Z_BEST_SPEED, flush: constants.Z_SYNC_FLUSH });
}
