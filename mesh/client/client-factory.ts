import { EventEmitter } from 'node:events';
import type { Client, CompatServiceDefinition, TsProtoServiceDefinition } from 'nice-grpc';
import type { ServiceEndpoint } from '../balancing/balancer.ts';
import { type EndpointSource, onlyEndpoint } from '../balancing/endpoint-source.ts';
import { fullNameOf, type ResponseOf, type ServiceContract } from '../contract/contract.ts';
import type { WriteIdentity } from '../security/identity/outbound-identity.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import type { Answer, FallbackSettings, ReadOnlyMethod } from './answer.ts';
import { bindCall, type ClientContext, type MeshCallOptions } from './calls.ts';
import { clientMethods } from './client-method.ts';
import { type Breaker, type BreakerSettings, createBreaker } from './policies/breaker.ts';
import type { DeadlineOptions } from './policies/deadline.ts';
import { createRetryBudget, type RetryBudget, type RetrySettings, retryDelay } from './policies/retry.ts';

/**
 * nice-grpc's client, whose calls also take a `deadline`. They reject with CallError, which is a MeshError. The methods with a
 * fallback, `Answered`, resolve with an {@link Answer} in place of the response.
 */
export type MeshClient<
  Definition extends CompatServiceDefinition,
  Answered extends ReadOnlyMethod<Definition> = never,
> = [Answered] extends [never]
  ? Client<Definition, DeadlineOptions>
  : Omit<Client<Definition, DeadlineOptions>, Answered> & AnsweringMethods<Definition, Answered>;

type AnsweringMethods<Definition extends CompatServiceDefinition, Answered extends ReadOnlyMethod<Definition>> = {
  [Method in Answered]: (
    request: RequestInput<Client<Definition>, Method>,
    options?: MeshCallOptions,
  ) => Promise<Answer<ResponseOf<Definition['methods'][Method]>>>;
};

type RequestInput<Methods, Method> = Method extends keyof Methods
  ? Methods[Method] extends (request: infer Request, ...rest: never[]) => unknown
    ? Request
    : never
  : never;

/** How a client handles failures of its service. */
export interface ClientOptions<
  Definition extends CompatServiceDefinition,
  Answered extends ReadOnlyMethod<Definition> = never,
> {
  /** Default: the breaker that all clients of the service share, with the default of each setting. */
  readonly breaker?: BreakerSettings;
  /** Default: the contract's `max_attempts`, and the default of each setting. */
  readonly retry?: RetrySettings;
  /**
   * Methods that answer with the last response to the same request while the service is unhealthy. If none is kept, `value` is
   * undefined and `fromCache` is true. Only for unary methods that the contract marks as NO_SIDE_EFFECTS; throws TypeError for
   * any other. Default: none, and calls reject.
   */
  readonly fallback?: { readonly [Method in Answered]: FallbackSettings };
}

export interface ClientFactoryOptions {
  /** The endpoints of the services. Closed with the factory. */
  readonly endpoints: EndpointSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Writes into calls who makes them. Default: calls say nothing, as nobody authenticates them. */
  readonly writeIdentity?: WriteIdentity | undefined;
}

/**
 * Creates the clients of a process. Those of one service share its retry budget and, unless they have settings of their
 * own, its breakers; all share connections.
 */
export interface ClientFactory {
  /**
   * Returns a client of a service. A call takes deadline, trace and cancellation from the call that it is made for, and
   * gets a request id. Then it goes through the breaker, and is retried if its contract allows. `caller`: the service
   * whose client it is, as which it calls. Default: none.
   */
  client<Definition extends CompatServiceDefinition, Answered extends ReadOnlyMethod<Definition> = never>(
    contract: ServiceContract<Definition>,
    options?: ClientOptions<Definition, Answered>,
    caller?: string,
  ): MeshClient<Definition, NoInfer<Answered>>;
  /** Returns a client that calls this instance only: without breaker, retries and fallback. */
  clientAt<Definition extends CompatServiceDefinition>(
    contract: ServiceContract<Definition>,
    endpoint: ServiceEndpoint,
    caller?: string,
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

/** For clients of one instance: their caller asks others too. */
const noBreaker: Breaker = { run: (call) => call(), watch: (call) => call() };

export function createClientFactory({ endpoints, clock, logger, writeIdentity }: ClientFactoryOptions): ClientFactory {
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

  const identityOf = (service: string | undefined) => writeIdentity && { service, write: writeIdentity };

  return {
    client(contract, options = {}, caller) {
      const service = fullNameOf(contract);
      const { budget, breaker } = healthOf(service);
      return createClient(contract, options, {
        pick: (tried, isStream) => endpoints.pick(service, tried, isStream),
        found: () => endpoints.found(service),
        budget,
        breaker: options.breaker ? createBreakers(service, options.breaker) : breaker,
        retryDelayMs: retryDelay(options.retry),
        clock,
        identity: identityOf(caller),
      });
    },
    clientAt<Definition extends CompatServiceDefinition>(
      contract: ServiceContract<Definition>,
      endpoint: ServiceEndpoint,
      caller?: string,
    ) {
      const picked = onlyEndpoint(endpoint);
      const retry = { maxAttempts: 1 };
      const context = {
        pick: () => picked,
        found: () => undefined,
        budget: createRetryBudget(),
        breaker: () => noBreaker,
      };
      const retryDelayMs = retryDelay(retry);
      return createClient<Definition, never>(
        contract,
        { retry },
        { ...context, retryDelayMs, clock, identity: identityOf(caller) },
      );
    },
    close() {
      stopRotation();
      endpoints.close();
    },
  };
}

function createClient<Definition extends CompatServiceDefinition, Answered extends ReadOnlyMethod<Definition>>(
  contract: ServiceContract<Definition>,
  { retry, fallback }: ClientOptions<Definition, Answered>,
  context: ClientContext,
): MeshClient<Definition, Answered> {
  const fallbacks = new Map<string, FallbackSettings>(Object.entries(fallback ?? {}));
  // Contracts are generated, with ts-proto's definitions.
  const methods = clientMethods(contract as unknown as ServiceContract<TsProtoServiceDefinition>, retry);
  for (const name of fallbacks.keys()) {
    if (methods.get(name)?.isReadOnlyUnary) continue;
    throw new TypeError(
      `${fullNameOf(contract)}.${name} is not a unary method without side effects: remove its fallback`,
    );
  }
  const calls = [...methods].map(([name, method]) => [name, bindCall(method, context, fallbacks.get(name))] as const);
  // Its shape is that of the definition, which a loop over the methods cannot express.
  return Object.fromEntries(calls) as unknown as MeshClient<Definition, Answered>;
}
