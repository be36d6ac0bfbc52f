import { EventEmitter } from 'node:events';
import type { Client, CompatServiceDefinition, TsProtoServiceDefinition } from 'nice-grpc';
import type { EndpointSource } from '../balancing/endpoint-source.ts';
import { fullNameOf, type RequestOf, type ResponseOf, type ServiceContract } from '../contract/contract.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import type { CallError } from './call-error.ts';
import { bindCall, type ClientContext, type UnaryFallback } from './calls.ts';
import { clientMethods } from './client-method.ts';
import { type Breaker, type BreakerSettings, createBreaker } from './policies/breaker.ts';
import type { DeadlineOptions } from './policies/deadline.ts';
import { createRetryBudget, type RetryBudget, type RetrySettings, retryDelay } from './policies/retry.ts';

/** nice-grpc's client, whose calls also take a `deadline`. They reject with CallError, which is a MeshError. */
export type MeshClient<Definition extends CompatServiceDefinition> = Client<Definition, DeadlineOptions>;

/** How a client handles failures of its service. */
export interface ClientOptions<Definition extends CompatServiceDefinition> {
  /** Default: the breaker that all clients of the service share, with the default of each setting. */
  readonly breaker?: BreakerSettings;
  /** Default: the contract's `max_attempts`, and the default of each setting. */
  readonly retry?: RetrySettings;
  /** What to answer when the service is unhealthy, by method. Default: calls reject. */
  readonly fallback?: Fallbacks<Definition>;
}

/**
 * Answers of unary methods when their service is unhealthy. Each is called after the last attempt, with an error that is
 * UNAVAILABLE (also `CIRCUIT_OPEN`), DEADLINE_EXCEEDED or RESOURCE_EXHAUSTED, and with the request. What it throws is
 * what the call rejects with. Other errors, such as NOT_FOUND, are answers of the service and never call it.
 */
export type Fallbacks<Definition extends CompatServiceDefinition> = {
  readonly [Method in keyof Definition['methods'] as Definition['methods'][Method] extends UnaryMethod
    ? Method
    : never]?: (
    error: CallError,
    request: RequestOf<Definition['methods'][Method]>,
  ) => ResponseOf<Definition['methods'][Method]> | Promise<ResponseOf<Definition['methods'][Method]>>;
};

interface UnaryMethod {
  readonly requestStream: false;
  readonly responseStream: false;
}

export interface ClientFactoryOptions {
  /** The endpoints of the services. Closed with the factory. */
  readonly endpoints: EndpointSource;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Creates the clients of a process. Those of one service share its retry budget and, unless they have settings of their
 * own, its breakers; all share connections.
 */
export interface ClientFactory {
  /**
   * Returns a client of a service. A call takes deadline, trace and cancellation from the call that it is made for, and
   * gets a request id. Then it goes through the breaker, and is retried if its contract allows.
   */
  client<Definition extends CompatServiceDefinition>(
    contract: ServiceContract<Definition>,
    options?: ClientOptions<Definition>,
  ): MeshClient<Definition>;
  /** Closes the connections; later calls fail with UNAVAILABLE. */
  close(): void;
}

/** What the clients of one service have learnt of its health. */
interface SharedHealth {
  readonly budget: RetryBudget;
  readonly breaker: ClientContext['breaker'];
}

const rotateMs = 1_000;

export function createClientFactory({ endpoints, clock, logger }: ClientFactoryOptions): ClientFactory {
  const healths = new Map<string, SharedHealth>();
  const rotation = new EventEmitter().setMaxListeners(0);
  let stopRotation: () => void;
  const rotate = () => {
    rotation.emit('rotate');
    stopRotation = clock.after(rotateMs, rotate);
  };
  stopRotation = clock.after(rotateMs, rotate);

  const createBreakers = (service: string, settings?: BreakerSettings): ClientContext['breaker'] => {
    const breakers = new Map<string, Breaker>();
    return (group) => {
      const known = breakers.get(group);
      if (known) return known;
      const breaker = createBreaker({ target: `${service} ${group}`, settings, clock, logger, rotation });
      breakers.set(group, breaker);
      return breaker;
    };
  };
  const healthOf = (service: string): SharedHealth => {
    const known = healths.get(service);
    if (known) return known;
    const health = { budget: createRetryBudget(), breaker: createBreakers(service) };
    healths.set(service, health);
    return health;
  };

  return {
    client(contract, options = {}) {
      const service = fullNameOf(contract);
      const { budget, breaker } = healthOf(service);
      return createClient(contract, options, {
        pick: (tried) => endpoints.pick(service, tried),
        budget,
        breaker: options.breaker ? createBreakers(service, options.breaker) : breaker,
        retryDelayMs: retryDelay(options.retry),
        clock,
      });
    },
    close() {
      stopRotation();
      endpoints.close();
    },
  };
}

function createClient<Definition extends CompatServiceDefinition>(
  contract: ServiceContract<Definition>,
  { retry, fallback }: ClientOptions<Definition>,
  context: ClientContext,
): MeshClient<Definition> {
  const fallbacks = (fallback ?? {}) as Readonly<Record<string, UnaryFallback>>;
  // Contracts are generated, with ts-proto's definitions.
  const methods = clientMethods(contract as unknown as ServiceContract<TsProtoServiceDefinition>, retry);
  const calls = [...methods].map(([name, method]) => [name, bindCall(method, context, fallbacks[name])] as const);
  // Its shape is that of the definition, which a loop over the methods cannot express.
  return Object.fromEntries(calls) as unknown as MeshClient<Definition>;
}
