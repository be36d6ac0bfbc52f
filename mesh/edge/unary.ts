import type { FastifyReply, FastifyRequest } from 'fastify';
import type { MeshCallOptions } from '../client/calls.ts';
import type { RestEndpoint } from './rest.ts';
import { chooseType } from './semantics/accept.ts';
import { chooseCoding, compress } from './semantics/content-coding.ts';
import { entityTag } from './semantics/entity-tags.ts';
import type { Exchange } from './semantics/semantics.ts';
import { addVary } from './semantics/vary.ts';

const json = 'application/json';

/**
 * Calls a unary method, and answers with its response: compressed if the caller likes that, or with 304 and no body if the caller has it
 * already. Rejects before the call if the caller accepts no answer that there is.
 */
export async function answerOnce(
  { method, write }: Pick<RestEndpoint, 'method' | 'write'>,
  exchange: Exchange,
  { method: verb, headers }: Pick<FastifyRequest, 'method' | 'headers'>,
  reply: FastifyReply,
  options: MeshCallOptions,
): Promise<unknown> {
  const { accept, 'accept-encoding': acceptEncoding } = headers as Readonly<Record<string, string | undefined>>;
  chooseType(accept, [json]);
  chooseCoding(acceptEncoding, Number.POSITIVE_INFINITY);
  const response = await exchange.run((request) => method.unary(request, options));
  const { etag, isNotModified } = exchange.validate(response);
  const body = Buffer.from(write(response));
  const isZipped = chooseCoding(acceptEncoding, body.length) === 'gzip';
  addVary(reply, 'accept-encoding');
  if (etag !== '') reply.header('etag', entityTag(etag, isZipped));
  // It may be kept, but not used without asking: it can change at any time.
  if (verb === 'GET' || verb === 'HEAD') reply.header('cache-control', 'private, no-cache');
  if (isNotModified) return reply.code(304).send();
  reply.header('content-type', json);
  if (!isZipped) return body;
  reply.header('content-encoding', 'gzip');
  return await compress(body);
}
