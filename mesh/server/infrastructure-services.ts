import type { TsProtoServiceDefinition } from 'nice-grpc';
import type { MethodContract, ServiceContract } from '../contract/contract.ts';

const method: MethodContract = {
  validate: () => [],
  timeoutMs: undefined,
  idempotency: 'no-side-effects',
  maxAttempts: 1,
  priority: 'critical',
};

/** The contract of a service that gRPC itself defines, such as health: its proto says nothing of policy. */
export function infrastructureContract<Definition extends TsProtoServiceDefinition>(
  definition: Definition,
): ServiceContract<Definition> {
  const methods = Object.fromEntries(Object.keys(definition.methods).map((key) => [key, method]));
  // The keys are those of the definition, which Object.fromEntries cannot say.
  return { definition, methods: methods as ServiceContract<Definition>['methods'] };
}
