import type { DescMethod } from '@bufbuild/protobuf';
import { GenerationError } from '../../plugin/generation-error.ts';
import { commentOf } from '../comments.ts';
import type { Header, MediaType, Reference, Response, Schema } from '../document.ts';
import type { HttpBinding } from '../http-bindings.ts';
import { fieldSchema } from '../schemas/field-schema.ts';
import type { Schemas } from '../schemas/schemas.ts';
import type { MethodHeaders } from './headers.ts';

const problem: Schema = { $ref: '#/components/schemas/Problem' };

/** Returns the answers to calls that succeed. */
export function successResponses(
  binding: HttpBinding,
  { hasResponseEtag }: MethodHeaders,
  schemas: Schemas,
): Record<string, Response> {
  const { method, verb } = binding;
  const schema = responseSchema(binding, schemas);
  const isStream = method.methodKind === 'server_streaming';
  const headers = successHeaders(hasResponseEtag);
  const ok: Response = {
    description: commentOf(method.output).split('\n')[0] || 'The answer.',
    headers,
    content: isStream ? streamContent(schema) : { 'application/json': { schema } },
  };
  if (verb !== 'get' || !hasResponseEtag) return { 200: ok };
  return { 200: ok, 304: { description: 'The resource still has the `ETag` of `If-None-Match`.', headers } };
}

function responseSchema({ method, responseBody }: HttpBinding, schemas: Schemas): Schema {
  if (responseBody === '') return schemas.message(method.output, 'response');
  const field = method.output.fields.find(({ name }) => name === responseBody);
  if (field === undefined) throw unknownBody(method, responseBody);
  return fieldSchema(field, 'response', schemas);
}

/** The same messages in three forms, chosen by `Accept`. A stream that fails ends with a problem. */
function streamContent(message: Schema): Record<string, MediaType> {
  const item = { anyOf: [message, problem] };
  return {
    'application/json': { schema: { type: 'array', items: item } },
    'application/x-ndjson': {
      schema: {
        type: 'string',
        description: 'A message in JSON on each line. After a failure, the last is a problem.',
      },
      'x-item-schema': item,
    },
    'text/event-stream': {
      schema: {
        type: 'string',
        description: 'Server-sent events, each with a message in JSON as its `data`. A failure is the event `problem`.',
      },
      'x-item-schema': item,
    },
  };
}

function successHeaders(hasEtag: boolean): Record<string, Header | Reference> {
  const names = { 'x-request-id': 'RequestId', RateLimit: 'RateLimit', 'RateLimit-Policy': 'RateLimitPolicy' };
  const entries = Object.entries({ ...(hasEtag && { ETag: 'ETag' }), ...names });
  return Object.fromEntries(entries.map(([name, header]) => [name, { $ref: `#/components/headers/${header}` }]));
}

function unknownBody(method: DescMethod, name: string): GenerationError {
  return new GenerationError(
    method.output.typeName,
    `it has no field ${name}, the response_body of its google.api.http`,
  );
}
