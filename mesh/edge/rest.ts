import type { FileRegistry } from '@bufbuild/protobuf';
import type { LimitedAdmission } from '../server/policies/admission/limited-admission.ts';
import { methodNotAllowed, pathNotFound } from './errors.ts';
import type { CallableMethod, MethodCalls } from './method-calls.ts';
import { compileRequestReader, type RequestReader } from './request/read-request.ts';
import { compileResponseWriter, type ResponseWriter } from './response/write-response.ts';
import { type HttpRoute, readHttpRoutes } from './rules/http-routes.ts';
import { createRouteTable, type PathVariable } from './rules/route-table.ts';
import type { KeysInUse } from './semantics/keys-in-use.ts';
import { compileSemantics, type Semantics } from './semantics/semantics.ts';
import { type CursorReader, compileCursor } from './streams/cursor.ts';

/** A route with all that its requests need, compiled once. */
export interface RestEndpoint {
  readonly route: HttpRoute;
  readonly method: CallableMethod;
  readonly admission: LimitedAdmission;
  readonly semantics: Semantics;
  readonly read: RequestReader;
  readonly write: ResponseWriter;
  /** Continues the streams of its method. */
  readonly readCursor: CursorReader;
}

/** The endpoint of a request, and what its path binds. */
export interface RestMatch {
  readonly endpoint: RestEndpoint;
  readonly variables: readonly PathVariable[];
}

export interface RestOptions {
  readonly registry: FileRegistry;
  readonly methods: MethodCalls;
  /** Returns the line in which the calls of a contract wait. */
  readonly admissionOf: (contract: string) => LimitedAdmission;
  /** The changes in progress, also those of Connect and gRPC-Web. */
  readonly keys: KeysInUse;
}

/** The endpoints of REST. */
export interface Rest {
  /** Returns the endpoint of a request. Throws NOT_FOUND `PATH_NOT_FOUND` and UNIMPLEMENTED `METHOD_NOT_ALLOWED`. */
  match(verb: string, path: string): RestMatch;
  /** The HTTP methods of a path; none if no endpoint has it. */
  methodsOf(path: string): readonly string[];
}

/** Compiles the endpoints of all methods with `google.api.http`. */
export function createRest({ registry, methods, admissionOf, keys }: RestOptions): Rest {
  const routes = readHttpRoutes(registry);
  const table = createRouteTable(routes);
  const endpoints = new Map(
    routes.map((route): readonly [HttpRoute, RestEndpoint] => {
      const method = methods.methodOf(route.method);
      const admission = admissionOf(method.contract);
      const [read, write] = [compileRequestReader(route, registry), compileResponseWriter(route, registry)];
      const semantics = compileSemantics(route, method, keys);
      const readCursor = compileCursor(route.method, registry);
      return [route, { route, method, admission, semantics, read, write, readCursor }];
    }),
  );
  return {
    match(verb, path) {
      const match = table.match(verb, path);
      if (match.kind === 'wrong-method') throw methodNotAllowed({ method: verb, allow: match.allow });
      const endpoint = match.kind === 'found' ? endpoints.get(match.route) : undefined;
      if (match.kind === 'not-found' || endpoint === undefined) throw pathNotFound({ method: verb, path });
      return { endpoint, variables: match.variables };
    },
    methodsOf(path) {
      const match = table.match('OPTIONS', path);
      return match.kind === 'wrong-method' ? match.allow : [];
    },
  };
}
