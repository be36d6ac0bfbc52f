import type { FileRegistry } from '@bufbuild/protobuf';
import type { Metrics } from '../metrics/metrics.ts';
import { LimitedAdmission } from '../server/policies/admission/limited-admission.ts';
import { countRefusals, measureAdmission } from '../server/policies/admission/measure-admission.ts';
import { type AdmissionPolicy, fixedLimits } from '../server/policies/admission/policy.ts';
import { ProcessLoad } from '../server/policies/admission/process-load.ts';
import { Turns } from '../server/policies/admission/turns.ts';
import type { CallableMethod, Caller } from './caller.ts';
import { methodNotAllowed, pathNotFound } from './errors.ts';
import { compileRequestReader, type RequestReader } from './request/read-request.ts';
import { compileResponseWriter, type ResponseWriter } from './response/write-response.ts';
import { type HttpRoute, readHttpRoutes } from './rules/http-routes.ts';
import { createRouteTable, type PathVariable } from './rules/route-table.ts';
import { KeysInUse } from './semantics/keys-in-use.ts';
import type { CallerQuota } from './semantics/rate-limit.ts';
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
  readonly caller: Caller;
  /** How many instances a contract's service has. */
  readonly instancesOf: (contract: string) => number;
  /** Bytes of waiting requests at which further ones are refused. */
  readonly maxWaitingBytes: number;
  readonly metrics: Metrics;
}

// An instance takes no more from one connection, and the client of the mesh has one.
const workingOfInstance = 128;
const workingOfPeer = 64;

/**
 * Compiles the endpoints of all methods with `google.api.http`. Returns the one of a request. Throws NOT_FOUND `PATH_NOT_FOUND` and
 * UNIMPLEMENTED `METHOD_NOT_ALLOWED`.
 */
export function createRest(options: RestOptions): (verb: string, path: string) => RestMatch {
  const { registry, caller } = options;
  const routes = readHttpRoutes(registry);
  const table = createRouteTable(routes);
  const admissionOf = createAdmissions(options);
  const keys = new KeysInUse();
  const endpoints = new Map(
    routes.map((route): readonly [HttpRoute, RestEndpoint] => {
      const method = caller.methodOf(route.method);
      const admission = admissionOf(method.contract);
      const [read, write] = [compileRequestReader(route, registry), compileResponseWriter(route, registry)];
      const semantics = compileSemantics(route, method, keys);
      const readCursor = compileCursor(route.method, registry);
      return [route, { route, method, admission, semantics, read, write, readCursor }];
    }),
  );
  return (verb, path) => {
    const match = table.match(verb, path);
    if (match.kind === 'wrong-method') throw methodNotAllowed({ method: verb, allow: match.allow });
    const endpoint = match.kind === 'found' ? endpoints.get(match.route) : undefined;
    if (match.kind === 'not-found' || endpoint === undefined) throw pathNotFound();
    return { endpoint, variables: match.variables };
  };
}

/** The calls of a contract wait in line by caller: the service sees only one caller, this process. */
function createAdmissions({ instancesOf, maxWaitingBytes, metrics }: RestOptions) {
  const turns = new Turns();
  // The handlers run elsewhere, so only the bytes that wait count here.
  const load = new ProcessLoad({ working: Number.POSITIVE_INFINITY, waitingBytes: maxWaitingBytes });
  const admissions = new Map<string, LimitedAdmission>();
  return (contract: string): LimitedAdmission => {
    const known = admissions.get(contract);
    if (known !== undefined) return known;
    const name = `http ${contract}`;
    const limits = perInstance(() => instancesOf(contract));
    const admission = new LimitedAdmission(limits, turns, load, countRefusals(metrics, name));
    measureAdmission(metrics, name, admission);
    admissions.set(contract, admission);
    return admission;
  };
}

function perInstance(count: () => number): AdmissionPolicy {
  return {
    ...fixedLimits({ workingPerConnection: workingOfPeer }),
    hasSlot: ({ working }) => working < workingOfInstance * Math.max(1, count()),
  };
}

/** What a caller may have in progress at an endpoint's service before its further requests wait. */
export function quotaOf({ admission }: RestEndpoint, peer: string): CallerQuota {
  const { working, waiting } = admission.loadOf(peer) ?? { working: 0, waiting: 0 };
  return { limit: workingOfPeer, remaining: workingOfPeer - working - waiting };
}
