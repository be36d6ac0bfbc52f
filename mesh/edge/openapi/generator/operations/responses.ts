import type { HttpRoute } from '../../../rules/http-routes.ts';
import { streamTypes } from '../../../streams/formats.ts';
import { commentOf } from '../comments.ts';
import type { Header, MediaType, Reference, Response, Schema } from '../document.ts';
import { fieldSchema } from '../schemas/field-schema.ts';
import type { Schemas } from '../schemas/schemas.ts';
import type { RouteHeaders } from './headers.ts';

const problem: Schema = { $ref: '#/components/schemas/Problem' };

/** Returns the answers to calls that succeed. */
export function successResponses(
  route: HttpRoute,
  { hasEtag, isGet }: RouteHeaders,
  schemas: Schemas,
): Record<string, Response> {
  const { method, responseBody } = route;
  const schema = responseBody
    ? fieldSchema(responseBody, 'response', schemas)
    : schemas.message(method.output, 'response');
  const headers = successHeaders(hasEtag);
  const ok: Response = {
    description: commentOf(responseBody ?? method.output).split('\n')[0] || 'The call succeeded.',
    headers,
    content: method.methodKind === 'unary' ? { 'application/json': { schema } } : streamContent(schema),
  };
  if (!isGet || !hasEtag) return { 200: ok };
  return { 200: ok, 304: { description: 'The resource still has the `ETag` of `If-None-Match`.', headers } };
}

/** The same messages in each form that `Accept` can choose. */
function streamContent(message: Schema): Record<string, MediaType> {
  return Object.fromEntries(streamTypes.map((type) => [type, streamType(type, message)]));
}

function streamType(type: (typeof streamTypes)[number], message: Schema): MediaType {
  switch (type) {
    case 'application/json':
      return { schema: { type: 'array', items: message } };
    case 'text/event-stream':
      return {
        schema: {
          type: 'string',
          description:
            'Server-sent events, each with a message in JSON as its `data` and where to resume as its `id`. The event ' +
            '`end` follows the last message, the event `error` with a problem ends a stream that failed.',
        },
        'x-item-schema': { anyOf: [message, problem] },
      };
    case 'application/x-ndjson':
    case 'application/jsonl': {
      const failure: Schema = { type: 'object', properties: { error: problem }, required: ['error'] };
      return {
        schema: {
          type: 'string',
          description: 'A message in JSON on each line. A last line with the member `error` is a problem.',
        },
        'x-item-schema': { anyOf: [message, failure] },
      };
    }
  }
}

function successHeaders(hasEtag: boolean): Record<string, Header | Reference> {
  const names = { 'x-request-id': 'RequestId', RateLimit: 'RateLimit', 'RateLimit-Policy': 'RateLimitPolicy' };
  const entries = Object.entries({ ...(hasEtag && { ETag: 'ETag' }), ...names });
  return Object.fromEntries(entries.map(([name, header]) => [name, { $ref: `#/components/headers/${header}` }]));
}
