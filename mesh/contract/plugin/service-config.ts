import type { DescMethod, DescService, Registry } from '@bufbuild/protobuf';
import { readPolicy } from '../policy/policy.ts';

/** A gRPC service config (https://github.com/grpc/grpc/blob/master/doc/service_config.md), for clients in any language. */
export interface ServiceConfig {
  readonly loadBalancingConfig: readonly Readonly<Record<string, object>>[];
  readonly healthCheckConfig: { readonly serviceName: string };
  readonly retryThrottling: { readonly maxTokens: number; readonly tokenRatio: number };
  readonly methodConfig: readonly MethodConfig[];
}

interface MethodConfig {
  readonly name: readonly { readonly service: string; readonly method: string }[];
  readonly timeout?: string;
  readonly retryPolicy?: RetryPolicy;
}

interface RetryPolicy {
  readonly maxAttempts: number;
  readonly initialBackoff: string;
  readonly maxBackoff: string;
  readonly backoffMultiplier: number;
  readonly retryableStatusCodes: readonly string[];
}

/** Returns the config of a channel on which these services are called. It does what the mesh's own clients do. */
export function serviceConfig(services: readonly DescService[], registry: Registry): ServiceConfig {
  return {
    loadBalancingConfig: [{ round_robin: {} }],
    // The name that serves while a process accepts its core calls. A contract's own name may also depend on a broker.
    healthCheckConfig: { serviceName: '' },
    retryThrottling: { maxTokens: 10, tokenRatio: 0.1 },
    methodConfig: methodConfigs(
      services.flatMap(({ methods }) => methods),
      registry,
    ),
  };
}

/** One config for all methods that are called in the same way; none for a method without deadline and retries. */
function methodConfigs(methods: readonly DescMethod[], registry: Registry): MethodConfig[] {
  const byRules = Map.groupBy(methods, (method) => JSON.stringify(rulesOf(method, registry)));
  byRules.delete('{}');
  return [...byRules].map(([rules, alike]) => ({
    name: alike.map((method) => ({ service: method.parent.typeName, method: method.name })),
    ...JSON.parse(rules),
  }));
}

function rulesOf(method: DescMethod, registry: Registry): Omit<MethodConfig, 'name'> {
  const { timeoutMs, idempotency, maxAttempts, retryableCodes } = readPolicy(method, registry);
  const isRetried = idempotency !== 'none' && maxAttempts > 1;
  return {
    ...(timeoutMs === undefined ? {} : { timeout: seconds(timeoutMs) }),
    ...(isRetried ? { retryPolicy: retryPolicy(maxAttempts, retryableCodes) } : {}),
  };
}

function retryPolicy(maxAttempts: number, retryableStatusCodes: readonly string[]): RetryPolicy {
  return {
    maxAttempts,
    initialBackoff: seconds(100),
    maxBackoff: seconds(2_000),
    backoffMultiplier: 2,
    retryableStatusCodes,
  };
}

/** A duration in the JSON of protobuf. With nine digits after the point, because grpc-js reads `1.5s` as 1 s and 5 ns. */
function seconds(ms: number): string {
  return Number.isInteger(ms / 1_000) ? `${ms / 1_000}s` : `${(ms / 1_000).toFixed(9)}s`;
}
