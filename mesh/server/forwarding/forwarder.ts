import { Status } from 'nice-grpc-common';
import type { Endpoints } from '../../balancing/endpoints.ts';
import { readDeclaredMethods } from '../../contract/declared-methods.ts';
import { noEndpoints } from '../../discovery/errors.ts';
import type { ForwardedCall, ForwardedEnd, Forwarder, RawEndpoint } from '../../engines/forwarding.ts';
import { isServerFault } from '../../errors/codes.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Authenticator } from '../../security/authenticator.ts';
import { createLineLimit, kindOfError } from '../../telemetry/line-limit.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { noneReachable, serverDraining } from '../errors.ts';
import { LimitedAdmission } from '../policies/admission/limited-admission.ts';
import { countRefusals, measureAdmission } from '../policies/admission/measure-admission.ts';
import { type AdmissionPolicy, fixedLimits } from '../policies/admission/policy.ts';
import { ProcessLoad } from '../policies/admission/process-load.ts';
import { Turns } from '../policies/admission/turns.ts';
import { DoorRates } from '../policies/rate-limit/door-rates.ts';
import { endIdleStreams } from './end-idle-streams.ts';
import { createForwardedCallers } from './forwarded-caller.ts';
import { RawEndpoints } from './raw-endpoints.ts';
import { type Route, RoutedCall, type RoutedCallTools } from './routed-call.ts';

/** Returns the name in discovery of the service that has a path; `undefined` if none has it. */
export type RouteOf = (path: string) => string | undefined;

export interface ForwarderOptions {
  readonly routeOf: RouteOf;
  readonly endpoints: Endpoints;
  /** Opens the connections to an endpoint. */
  readonly connect: (address: string, service: string) => RawEndpoint;
  /** Whether connections prove by certificates which service is there. Default: no. */
  readonly provesService?: boolean | undefined;
  /** Finds out who makes calls. Default: services find that out themselves. */
  readonly authenticator?: Authenticator | undefined;
  /** The scheme of the registry, for error texts. */
  readonly registry: string;
  /** Bytes of waiting requests at which further calls are refused. */
  readonly maxWaitingBytes: number;
  /** The descriptor set of the contracts. */
  readonly descriptors: URL;
  /** Aborts when the process begins to drain. */
  readonly draining: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

// What an instance runs of a service at most, by default. Calls above it wait here, where callers take turns.
const workingOfEndpoint = 256;

/**
 * Forwards calls to the instances of their services. The calls of a service wait in line by caller, as they do at an
 * instance, which sees only one caller: this process. Closed by `close`.
 */
export function createForwarder(options: ForwarderOptions): Forwarder & { close(): void } {
  const { routeOf, endpoints, connect, descriptors, draining, clock, logger, metrics } = options;
  const { authenticator, provesService = false } = options;
  const methods = readDeclaredMethods(descriptors);
  const contracts = new Set([...methods.keys()].map(contractOf));
  const routes = new Map<string, Route>();
  const connections = new RawEndpoints(connect, clock, options.provesService);
  const streams = new Set<RoutedCall>();
  const turns = new Turns();
  const logEnd = createEndLog({ logger, clock });
  // The handlers run elsewhere, so only the bytes that wait count here.
  const load = new ProcessLoad({ working: Number.POSITIVE_INFINITY, waitingBytes: options.maxWaitingBytes });
  const counter = metrics.counter(
    'ordermesh_calls_forwarded_total',
    'Calls that were forwarded to another process, by service and by the code that their callers got.',
    ['service', 'code'],
  );
  const tools: RoutedCallTools = {
    connectionsTo: (address, service) => connections.to(address, service),
    unreachable: (service, problem) =>
      problem === undefined
        ? noEndpoints({ service, registry: options.registry })
        : noneReachable({ service, problem }),
    onEnd(routed, end) {
      streams.delete(routed);
      counter.add({ service: routed.route.service, code: Status[end.code] });
      logEnd(routed, end);
    },
    callers: createForwardedCallers({ authenticator, provesService }),
    rates: new DoorRates({ clock, metrics }),
    clock,
  };

  const routeTo = (service: string, path: string): Route => {
    const contract = contractOf(path);
    // Callers may name contracts that nobody has. They share the limits of their service.
    const isKnown = contracts.has(contract);
    const name = isKnown ? contract : service;
    const known = routes.get(name);
    if (known !== undefined) return known;
    const balancer = endpoints.of(service);
    const limits = perEndpoint(() => balancer.endpoints(isKnown ? contract : undefined).length);
    const admission = new LimitedAdmission(limits, turns, load, countRefusals(metrics, name));
    measureAdmission(metrics, name, admission);
    const route = { service, balancer, admission };
    routes.set(name, route);
    connections.watch(balancer);
    return route;
  };

  const stopEnding = endIdleStreams(streams, draining, clock);
  return {
    begin(call: ForwardedCall) {
      const service = routeOf(call.path);
      if (service === undefined) return undefined;
      const routed = new RoutedCall(call, methods.get(call.path), routeTo(service, call.path), tools);
      if (routed.kind !== 'unary') streams.add(routed);
      return routed;
    },
    close() {
      stopEnding();
      connections.close();
    },
  };
}

/** The limits of a service with this many endpoints. */
function perEndpoint(count: () => number): AdmissionPolicy {
  return {
    ...fixedLimits(),
    hasSlot: ({ working }) => working < workingOfEndpoint * Math.max(1, count()),
  };
}

function contractOf(path: string): string {
  return path.slice(1, path.lastIndexOf('/'));
}

/**
 * Logs what ended here as a server logs its calls. What an endpoint answered is in its own log. While a service is away every
 * call of it fails, so there is one warning in 10 s for each service and reason, or text of a bug.
 */
function createEndLog({ logger, clock }: Pick<ForwarderOptions, 'logger' | 'clock'>) {
  const limit = createLineLimit(clock);
  return ({ call, route, startMs, picked, caller }: RoutedCall, { code, error }: ForwardedEnd): void => {
    const isFault = error !== undefined && isServerFault(code) && !serverDraining.is(error);
    const line = isFault ? limit(`${route.service} ${kindOfError(error)}`) : undefined;
    const level = line ? 'warn' : 'debug';
    if (!logger.isLevelEnabled(level)) return;
    const fields = {
      method: call.path,
      peer: call.peer,
      code: Status[code],
      request_id: call.requestId,
      caller: caller?.service,
      subject: caller?.subject,
      endpoint: picked?.address,
      duration_ms: Math.round(performance.now() - startMs),
      ...line,
      ...(isFault && { err: error }),
    };
    logger[level](fields, 'forwarded call');
  };
}
