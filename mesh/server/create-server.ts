import type { TsProtoServiceDefinition } from 'nice-grpc';
import { fullNameOf, type MethodContract } from '../contract/contract.ts';
import { contractDescriptors } from '../contract/declared-services.ts';
import type { Engine, EngineMethod, ServerHostOptions } from '../engines/engine.ts';
import { engineMethods } from '../engines/engine-methods.ts';
import type { Forwarder } from '../engines/forwarding.ts';
import { toStatus } from '../errors/to-status.ts';
import type { IdempotentMethod } from '../idempotency/idempotency.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Authenticator } from '../security/authenticator.ts';
import { createDenialReport } from '../security/authorization/denial-report.ts';
import { MethodAccess } from '../security/authorization/method-access.ts';
import { MixedAuthentication } from '../security/identity/mixed-authentication.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { TimerWheel } from '../time/timer-wheel.ts';
import { chain, type ServedMethod } from './chain.ts';
import type { Health } from './health/health.ts';
import { createHostReport, measureConnections } from './host-report.ts';
import { createAccessLog, createExpiredReport } from './policies/access-log.ts';
import { type Admission, openAdmission } from './policies/admission/admission.ts';
import { LimitedAdmission } from './policies/admission/limited-admission.ts';
import { countRefusals, measureAdmission } from './policies/admission/measure-admission.ts';
import { type AdmissionPolicy, fixedLimits } from './policies/admission/policy.ts';
import { limitsOfService, type ProcessLimits, ProcessLoad } from './policies/admission/process-load.ts';
import { Turns } from './policies/admission/turns.ts';
import { createRateLimit } from './policies/rate-limit/rate-limit.ts';
import { createReflection } from './reflection/create-reflection.ts';
import type { MergedReflection } from './reflection/merge.ts';
import type { ServedContract } from './serve.ts';

/** How ts-proto defines the messages of a method that is idempotent by `request_id`. */
type MessageTypes = Omit<IdempotentMethod<{ requestId: string }, unknown>, 'path'>;

export interface ServerOptions extends Omit<ServerHostOptions, 'toStatus' | 'observer'> {
  readonly engine: Pick<Engine, 'createServerHost'>;
  readonly serves: readonly ServedContract[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Counts connections and refused calls. Default: nothing is counted. */
  readonly metrics?: Metrics;
  /** Reports to callers whether the services serve. Services that it does not know are NOT_SERVING until it is set. */
  readonly health?: Health;
  /** Creates the admission policy of each service. Default: `fixedLimits`. */
  readonly admission?: () => AdmissionPolicy;
  /** Limits for all services together. By default, those of a service are a part of them. */
  readonly process?: ProcessLimits;
  /** Finds out who makes a call, so the rules of the contracts count. Default: everyone may do everything. */
  readonly authenticator?: Authenticator | undefined;
  /** The descriptor set for reflection. Default: `gen/descriptors.binpb`. */
  readonly descriptors?: URL;
  /** Forwards the calls that no contract here has. Only on the native engine. */
  readonly forwarder?: Forwarder | undefined;
  /** What reflection adds of the processes to which calls are forwarded. */
  readonly reflection?: MergedReflection | undefined;
}

/** A gRPC server of contracts. */
export interface Server {
  /** `host:port` at which it listens, an address in place of a name; `undefined` until it does. */
  readonly boundAddress: string | undefined;
  /**
   * Listens on `host:port` (port 0: any) and resolves with the port. Rejects with a MeshError that names the address and the
   * setting that it is from. Default: `GRPC_LISTEN`.
   */
  listen(address: string, setting?: string): Promise<number>;
  /**
   * Accepts no new connections and no calls sent after its GOAWAY. Resolves when the calls in progress have ended or after
   * `graceMs`; then ends the rest.
   */
  drain(graceMs: number): Promise<void>;
}

/** Creates a server of `serves`, health and reflection on an engine. Every call goes through the chain (`chain.ts`). */
export function createServer(options: ServerOptions): Server {
  const {
    engine,
    serves,
    clock,
    logger,
    metrics,
    health,
    admission,
    process,
    authenticator,
    descriptors = contractDescriptors,
    forwarder,
    reflection,
    maxConnections = 10_000,
    ...limits
  } = options;
  const policy = admission ?? (() => fixedLimits(limitsOfService(process)));
  const noteExpired = createExpiredReport({ clock, logger, metrics });
  const observer = createHostReport({ clock, logger, metrics });
  const { countRefusal } = observer;
  const mixed = new MixedAuthentication(logger);
  const tools = { clock, logger, noteExpired, countRefusal, mixed, timers: new TimerWheel() };
  const reportDenial = createDenialReport({ clock, logger, metrics: authenticator && metrics });
  const turns = new Turns();
  const load = new ProcessLoad(process);
  const host = engine.createServerHost({
    ...limits,
    maxConnections,
    observer,
    toStatus: (error, call) => toStatus(error, call, logger),
  });
  if (metrics) measureConnections(metrics, maxConnections, () => host.openConnections);
  const add = (served: ServedContract, admission: Admission) => {
    for (const [key, method] of engineMethods(served.contract.definition as TsProtoServiceDefinition)) {
      const handled = servedMethod(served, key, method);
      const accessLog = createAccessLog(handled.contract, tools);
      // The chain encodes, so a response that cannot be encoded is a failed call.
      const asBytes = (bytes: Uint8Array) => bytes;
      const encoded = { ...method, encodeResponse: asBytes, decodeResponse: asBytes };
      const { rate } = handled.contract;
      const rateLimit = rate && createRateLimit(rate, method.path, { clock, metrics });
      const access = new MethodAccess(handled.contract.access, reportDenial);
      host.add(encoded, chain(handled, { ...tools, authenticator, access, rateLimit, admission, accessLog }));
    }
  };
  for (const served of serves) {
    const name = fullNameOf(served.contract);
    health?.showUnknown(name);
    const limited = new LimitedAdmission(policy(), turns, load, countRefusals(metrics, name));
    if (metrics) measureAdmission(metrics, name, limited);
    add(served, limited);
  }
  const withHealth = health ? [...serves, health.served] : serves;
  const names = withHealth.map(({ contract }) => fullNameOf(contract));
  const fromMemory = [...(health ? [health.served] : []), ...createReflection(names, descriptors, reflection)];
  for (const served of fromMemory) add(served, openAdmission);
  if (forwarder) host.forward?.(forwarder);
  return {
    get boundAddress() {
      return host.boundAddress;
    },
    listen: (address, setting = 'GRPC_LISTEN') => host.listen(address, setting),
    drain: (graceMs) => {
      health?.drain();
      return host.drain(graceMs);
    },
  };
}

function servedMethod(
  served: ServedContract,
  key: string,
  { path, kind, encodeResponse: encode }: EngineMethod<unknown, unknown>,
): ServedMethod {
  const { contract: service, handlers } = served;
  const methods: Readonly<Record<string, MethodContract | undefined>> = service.methods;
  const contract = methods[key];
  const handler = handlers[key] as ServedMethod['handle'] | undefined;
  if (!contract || !handler) {
    throw new Error(`${path} has no ${contract ? 'handler' : 'contract'}: every method needs both`);
  }
  const handle: ServedMethod['handle'] = (input, context) => handler.call(handlers, input, context);
  const { actions } = served;
  return { kind, contract, handle, encode, onceFor: onceOf(served, contract, key, path), actions };
}

function onceOf(
  { contract: { definition }, idempotency, outsidePayload = {} }: ServedContract,
  contract: MethodContract,
  key: string,
  path: string,
): ServedMethod['onceFor'] {
  if (contract.idempotency !== 'by-request-id' || idempotency === 'by-handler') return undefined;
  if (!idempotency) {
    throw new Error(
      `${path} is idempotent by request_id, but nothing stores its responses: give its service migrations, or serve() an idempotency`,
    );
  }
  const { requestType, responseType } = definition.methods[key] as MessageTypes;
  const { fieldMasks = [] } = contract;
  const idempotent = { path, requestType, responseType, fieldMasks };
  const left = outsidePayload[key] ?? [];
  if (left.length === 0) return (request, onRepeated) => idempotency.onceFor(idempotent, request, onRepeated);
  const empty = requestType.decode(new Uint8Array());
  const cleared = Object.fromEntries(left.map((field) => [field, Reflect.get(empty, field)]));
  return (request: { requestId: string }, onRepeated) =>
    idempotency.onceFor(idempotent, { ...request, ...cleared }, onRepeated);
}
