import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Http2ServerRequest } from 'node:http2';
import type { FastifyRequest } from 'fastify';
import { invalidRequest } from '../errors/errors.ts';
import type { MeshError } from '../errors/mesh-error.ts';
import { unsupportedMediaType } from './errors.ts';
import type { HttpRoute } from './rules/http-routes.ts';

/** Whether a request says in its head that it has a body. */
export function hasBody({ 'content-length': length = '0', 'transfer-encoding': coding }: IncomingHttpHeaders): boolean {
  return coding !== undefined || Number(length) > 0;
}

/** Refuses a body of no type: INVALID_ARGUMENT `INVALID_FIELD` if the route takes no body at all, else `UNSUPPORTED_MEDIA_TYPE`. */
export function bodyRefusal({ body }: Pick<HttpRoute, 'body'>): MeshError {
  const noBody = { field: 'body', description: 'must be empty: this method takes no body' };
  return body === undefined ? invalidRequest([noBody]) : unsupportedMediaType();
}

/**
 * Refuses a body that its head does not announce, which only one of HTTP/2 can have: waits for its first bytes or its end. Fastify
 * takes it for missing, so it would be lost. Rejects when the call ends.
 */
export async function refuseUnannouncedBody({ raw, body, call }: FastifyRequest, route: HttpRoute): Promise<void> {
  const sent: IncomingMessage | Http2ServerRequest = raw;
  if (body !== undefined || !(sent instanceof Http2ServerRequest) || sent.stream.endAfterHeaders) return;
  await once(sent, 'readable', { signal: call.signal });
  if (sent.read() !== null) throw bodyRefusal(route);
}
