import type { IncomingHttpHeaders } from 'node:http';
import type { Message } from '@bufbuild/protobuf';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { MeshCallOptions } from '../client/calls.ts';
import type { HttpCall } from './http-call.ts';
import type { RestMatch } from './rest.ts';
import { changeReasonMetadata } from './semantics/change-reason.ts';
import { answerStream, type StreamTools } from './streams/answer-stream.ts';
import { answerOnce } from './unary.ts';

/** Admits a request, calls its method, and returns the answer. */
export async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  match: RestMatch,
  tools: StreamTools,
): Promise<unknown> {
  const { call, headers } = request;
  const { admission, route, semantics } = match.endpoint;
  const isStream = route.method.methodKind === 'server_streaming';
  const place = await admission.enter(call, isStream ? 'streaming' : 'once');
  if (isStream) {
    // A stream costs nothing while nobody sends.
    place.rest();
    // Before anything is waited for: its client may leave meanwhile.
    reply.raw.once('close', () => place.leave());
  }
  try {
    const message = messageOf(request, match);
    const exchange = semantics.begin(message, headers);
    request.exchange = exchange;
    reply.headers(exchange.headers);
    const options = optionsOf(call, headers);
    if (!isStream) return await answerOnce(match.endpoint, exchange, request, reply, options);
    return await answerStream(request, reply, { endpoint: match.endpoint, message, options }, tools);
  } finally {
    if (!isStream) place.leave();
  }
}

function messageOf({ body, originalUrl }: FastifyRequest, { endpoint, variables }: RestMatch): Message {
  const start = originalUrl.indexOf('?');
  const query = start < 0 ? '' : originalUrl.slice(start + 1);
  return endpoint.read({ variables, query, body: body as string | undefined });
}

function optionsOf({ deadlineMs }: HttpCall, headers: IncomingHttpHeaders): MeshCallOptions {
  const metadata = changeReasonMetadata(headers);
  return { ...(deadlineMs !== undefined && { deadline: deadlineMs }), ...(metadata && { metadata }) };
}
