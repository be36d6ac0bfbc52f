import { randomUUID } from 'node:crypto';
import { type DescMethod, fromJson, type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf';
import { type HttpRoute, readHttpRoutes } from '../../mesh/edge/rules/http-routes.ts';
import { registry } from './authenticated-mesh.ts';

const routes = Map.groupBy(readHttpRoutes(registry), ({ method }) => method);

/** An HTTP request that calls a method. */
export interface RestRequest {
  readonly verb: string;
  readonly path: string;
  readonly body: JsonValue | undefined;
  readonly headers: Record<string, string>;
}

/** Returns the requests of each route of a method with this request, given as JSON. */
export function restRequests(method: DescMethod, request: JsonObject): RestRequest[] {
  // In the names of the contract, as paths and queries have them.
  const fields = toJson(method.input, fromJson(method.input, request, { registry }), {
    registry,
    useProtoFieldName: true,
  }) as JsonObject;
  return (routes.get(method) ?? []).map((route) => restRequest(route, fields));
}

function restRequest({ verb, template, body, method }: HttpRoute, fields: JsonObject): RestRequest {
  const left = structuredClone(fields);
  const path = template.source.replace(/\{([^}=]+)(?:=[^}]*)?\}/g, (_, name: string) =>
    encodeURIComponent(String(takeField(left, name.split('.')) ?? 'none')),
  );
  const hasKey = method.input.field.requestId !== undefined && verb !== 'GET';
  const headers: Record<string, string> = hasKey ? { 'idempotency-key': randomUUID() } : {};
  if (body === '*') return { verb, path, body: left, headers };
  if (body !== undefined) return { verb, path, body: left[body.name] ?? {}, headers };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(left)) {
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  }
  return { verb, path: query.size > 0 ? `${path}?${query}` : path, body: undefined, headers };
}

function takeField(fields: JsonObject, [first = '', ...rest]: readonly string[]): JsonValue | undefined {
  const value = fields[first];
  if (rest.length > 0) return takeField((value ?? {}) as JsonObject, rest);
  delete fields[first];
  return value;
}
