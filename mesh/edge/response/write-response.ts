import type { FileRegistry, Message } from '@bufbuild/protobuf';
import { getLocal } from '../json/local-values.ts';
import type { HttpRoute } from '../rules/http-routes.ts';
import { MessageWriters } from './message-writers.ts';

/** Writes a response message as the JSON that a route answers with. */
export type ResponseWriter = (message: Message) => string;

/**
 * Compiles the writer of a route's answers: the whole response, or the value of its `response_body` field, which is null where
 * that field is not set.
 */
export function compileResponseWriter(
  { method, responseBody }: Pick<HttpRoute, 'method' | 'responseBody'>,
  registry: FileRegistry,
): ResponseWriter {
  const writers = writersOf(registry);
  if (responseBody === undefined) return writers.of(method.output);
  const write = writers.ofField(responseBody);
  return (message) => {
    const value = getLocal(message, responseBody);
    return value === undefined ? 'null' : write(value);
  };
}

const knownWriters = new WeakMap<FileRegistry, MessageWriters>();

/** All routes of a registry share the writers of its messages. */
function writersOf(registry: FileRegistry): MessageWriters {
  const writers = knownWriters.get(registry) ?? new MessageWriters(registry);
  knownWriters.set(registry, writers);
  return writers;
}
