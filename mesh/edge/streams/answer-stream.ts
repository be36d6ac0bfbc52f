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
import { type BegunStream, beginStream } from './begin-stream.ts';
import { streamFormats, streamTypes } from './formats.ts';
import { StreamBody } from './stream-body.ts';

export interface StreamTools {
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
  { clock, streams, failed }: StreamTools,
): Promise<Readable> {
  const { headers, call } = request;
  const type = chooseType(headers.accept, streamTypes);
  const isEvents = type === 'text/event-stream';
  // What unpacks events on their way may keep them until it has more, so they are only packed for who wants nothing else.
  const coding = chooseCoding(
    headers['accept-encoding'] as string | undefined,
    isEvents ? 0 : Number.POSITIVE_INFINITY,
  );
  const { method, write, readCursor } = endpoint;
  const { isComplete, idOf } = readCursor(message, headers['last-event-id'] as string | undefined);
  const begin = (all: MeshCallOptions) => method.serverStreaming(message, all);
  const stream = isComplete ? endedStream : await beginStream(begin, options, clock);

  reply.headers({ 'content-type': type, 'cache-control': 'no-store', vary: 'accept, accept-encoding' });
  if (coding === 'gzip') reply.header('content-encoding', coding);
  if (stream.start !== '') reply.header('resume-after', stream.start);
  if (request.method === 'HEAD') {
    stream.cancel();
    stream.first.catch(() => undefined);
    return Readable.from([]);
  }
  const gzip = coding === 'gzip' ? createFlushingGzip() : undefined;
  const body = new StreamBody({
    stream,
    format: streamFormats[type],
    write,
    idOf,
    describe: (error) => failed(request, error),
    sendHead: () => (gzip ? gzip.flush() : reply.raw.flushHeaders()),
    clock,
  });
  const open: OpenStream = {
    kind: 'server-streaming',
    call: {
      requestBytes: 0,
      get replyBytes() {
        return body.sentLength;
      },
      get waitsForReader() {
        return body.waitsForReader;
      },
      fail: (error) => call.end(error),
    },
  };
  streams.add(open);
  body.once('close', () => streams.delete(open));
  // What fails on the way is known to both.
  return gzip ? pipeline(body, gzip, () => undefined) : body;
}

/** The stream of a request whose caller has all of it. */
const endedStream: BegunStream = {
  first: Promise.resolve({ done: true, value: undefined }),
  rest: { next: () => Promise.resolve({ done: true, value: undefined }) },
  start: '',
  cancel: () => undefined,
};

/** What is written to it can be read at once: the messages of a stream do not wait for each other. */
function createFlushingGzip(): Gzip {
  return createGzip({ level: constants.Z_BEST_SPEED, flush: constants.Z_SYNC_FLUSH });
}
