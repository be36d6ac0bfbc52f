import { type FileRegistry, type Message, toJson } from '@bufbuild/protobuf';
import type { HttpRoute } from '../rules/http-routes.ts';

/** Writes a response message as the JSON that a route answers with. */
export type ResponseWriter = (message: Message) => string;

/** Compiles the writer of a route's answers: all of the response, or the value of its `response_body` field. */
export function compileResponseWriter(
  { method, responseBody }: Pick<HttpRoute, 'method' | 'responseBody'>,
  registry: FileRegistry,
): ResponseWriter {
  const options = { alwaysEmitImplicit: true, registry };
  return (message) => {
    const json = toJson(method.output, message, options);
    if (responseBody === undefined) return JSON.stringify(json);
    return JSON.stringify((json as Record<string, unknown>)[responseBody.jsonName] ?? null);
  };
}
