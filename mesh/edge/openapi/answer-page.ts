import type { FastifyReply, FastifyRequest } from 'fastify';
import { chooseCoding } from '../semantics/content-coding.ts';
import { entityTag, hasTag, readTagCondition } from '../semantics/entity-tags.ts';
import { addVary } from '../semantics/vary.ts';
import type { PageReader } from './api-docs.ts';

/**
 * Answers with a page: compressed if the caller likes that, or with 304 if it has it already. Throws INVALID_ARGUMENT
 * `INVALID_HEADER` and `NOT_ACCEPTABLE`.
 */
export async function answerPage(
  read: PageReader,
  { headers }: Pick<FastifyRequest, 'headers'>,
  reply: FastifyReply,
): Promise<unknown> {
  const { body, zipped, etag, headers: own } = await read();
  const { 'accept-encoding': acceptEncoding, 'if-none-match': noneMatch } = headers as Record<
    string,
    string | undefined
  >;
  const isZipped = chooseCoding(acceptEncoding, body.length) === 'gzip';
  reply.headers({ ...own, etag: entityTag(etag, isZipped) });
  addVary(reply, 'accept-encoding');
  if (noneMatch !== undefined && hasTag(readTagCondition('If-None-Match', noneMatch), etag)) {
    return reply.code(304).removeHeader('content-type').send();
  }
  if (!isZipped) return reply.send(body);
  return reply.header('content-encoding', 'gzip').send(await zipped());
}
