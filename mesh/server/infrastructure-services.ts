import type { NormalizedServiceDefinition, ServiceImplementation, TsProtoServiceDefinition } from 'nice-grpc';
import type { MethodContract, ServiceContract } from '../contract/contract.ts';
import type { MeshCallContext } from './call-context.ts';

const method: MethodContract = {
  validate: () => [],
  timeoutMs: undefined,
  idempotency: 'no-side-effects',
  maxAttempts: 1,
  priority: 'critical',
};

/** The contract of a service that gRPC itself defines, such as health, whose proto has no policy. */
export function infrastructureContract<Definition extends TsProtoServiceDefinition>(
  definition: Definition,
): ServiceContract<Definition, ServiceImplementation<NormalizedServiceDefinition<Definition>, MeshCallContext>> {
  const methods = Object.fromEntries(Object.keys(definition.methods).map((key) => [key, method]));
  // The keys are those of the definition, which Object.fromEntries cannot express.
  return { definition, methods: methods as unknown as ServiceContract<Definition>['methods'] };
}
