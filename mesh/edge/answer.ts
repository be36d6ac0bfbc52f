import { Readable } from 'node:stream';
import type { Message } from '@bufbuild/protobuf';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { OpenStream } from '../server/forwarding/end-idle-streams.ts';
import type { HttpCall } from './http-call.ts';
import type { Problem } from './problem.ts';
import type { RestEndpoint, RestMatch } from './rest.ts';
import { jsonArray } from './streams/json-array.ts';
import { begin } from './streams/stream-format.ts';
import { answerOnce } from './unary.ts';

/** What all answers share. */
export interface AnswerTools {
  /** The streams that are open, for the drain. */
  readonly streams: Set<OpenStream>;
  /** Describes an error after the begin of an answer, and reports it. */
  readonly failed: (request: FastifyRequest, error: unknown) => Problem;
}

/** Admits a request, calls its method, and returns the answer. */
export async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  match: RestMatch,
  tools: AnswerTools,
): Promise<unknown> {
  const { call, headers } = request;
  const { admission, route, semantics } = match.endpoint;
  const isStream = route.method.methodKind === 'server_streaming';
  const place = await admission.enter(call, isStream ? 'streaming' : 'once');
  // A stream costs nothing while nobody sends.
  if (isStream) place.rest();
  try {
    const message = messageOf(request, match);
    const exchange = semantics.begin(message, headers);
    request.exchange = exchange;
    reply.headers(exchange.headers);
    if (!isStream) return await answerOnce(match.endpoint, exchange, request, reply, optionsOf(call));
    const answered = await answerMany(message, match.endpoint, request, reply, tools);
    reply.raw.once('close', () => place.leave());
    return answered;
  } catch (error) {
    place.leave();
    throw error;
  } finally {
    if (!isStream) place.leave();
  }
}

async function answerMany(
  message: Message,
  { method, write }: RestEndpoint,
  request: FastifyRequest,
  reply: FastifyReply,
  { streams, failed }: AnswerTools,
): Promise<Readable | null> {
  const { call } = request;
  let messages = 0;
  const open: OpenStream = {
    kind: 'server-streaming',
    call: {
      requestBytes: 0,
      get replyBytes() {
        return messages;
      },
      get waitsForReader() {
        return reply.raw.writableNeedDrain;
      },
      fail: (error) => call.end(error),
    },
  };
  streams.add(open);
  reply.raw.once('close', () => streams.delete(open));
  const stream = await begin(method.serverStreaming(message, optionsOf(call)));
  const format = jsonArray;
  reply.header('content-type', format.contentType);
  if (request.method === 'HEAD') {
    await stream.rest.return?.();
    return null;
  }
  const counted: typeof write = (each) => {
    messages += 1;
    return write(each);
  };
  return Readable.from(format.write(stream, { write: counted, failed: (error) => failed(request, error) }));
}

function messageOf({ body, originalUrl }: FastifyRequest, { endpoint, variables }: RestMatch): Message {
  const start = originalUrl.indexOf('?');
  const query = start < 0 ? '' : originalUrl.slice(start + 1);
  return endpoint.read({ variables, query, body: body as string | undefined });
}

function optionsOf({ deadlineMs }: HttpCall) {
  return deadlineMs === undefined ? {} : { deadline: deadlineMs };
}
