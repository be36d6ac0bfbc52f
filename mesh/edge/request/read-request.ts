import { create, type FileRegistry, fromJson, type JsonValue, type Message } from '@bufbuild/protobuf';
import { invalidRequest } from '../../errors/errors.ts';
import type { HttpRoute } from '../rules/http-routes.ts';
import type { PathVariable } from '../rules/route-table.ts';

/** The parts of an HTTP request that make the request message. */
export interface RequestParts {
  readonly variables: readonly PathVariable[];
  /** The query, without its question mark. */
  readonly query: string;
  /** The text of the body. `undefined` or empty: none. */
  readonly body: string | undefined;
}

/** Reads the request message. Throws INVALID_ARGUMENT `INVALID_FIELD` with each field that is wrong. */
export type RequestReader = (parts: RequestParts) => Message;

/** Compiles the reader of a route's requests. */
export function compileRequestReader({ method, body: bodyField }: HttpRoute, registry: FileRegistry): RequestReader {
  return ({ variables, query, body }) => {
    try {
      const json = body === undefined || body === '' ? {} : (JSON.parse(body) as JsonValue);
      const value: { [name: string]: JsonValue } =
        typeof bodyField === 'object' ? { [bodyField.jsonName]: json } : (json as { [name: string]: JsonValue });
      for (const { fieldPath, raw } of variables) setPath(value, fieldPath, decodeURIComponent(raw));
      for (const [name, text] of new URLSearchParams(query)) setPath(value, name, text);
      return Object.keys(value).length === 0 ? create(method.input) : fromJson(method.input, value, { registry });
    } catch (error) {
      throw invalidRequest([{ field: '', description: error instanceof Error ? error.message : String(error) }]);
    }
  };
}

function setPath(value: { [name: string]: JsonValue }, path: string, text: string): void {
  const names = path.split('.');
  const last = names.pop() ?? '';
  let parent = value;
  for (const name of names) {
    parent[name] ??= {};
    parent = parent[name] as { [name: string]: JsonValue };
  }
  parent[last] = text;
}
