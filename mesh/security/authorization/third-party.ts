import type { AccessRule } from '../../contract/contract.ts';

/** The gateway asks for itself, to show the services of all processes. */
const authenticated: AccessRule = { services: ['*', 'gateway'], roles: ['*'] };

/** The rules of contracts that others wrote, whose methods therefore declare none. */
const rules: Readonly<Record<string, AccessRule | undefined>> = {
  // Load balancers and orchestrators ask without any identity, and learn no more than whether it serves.
  'grpc.health.v1.Health': { anyone: true },
  // Reflection shows what there is to attack.
  'grpc.reflection.v1.ServerReflection': authenticated,
  'grpc.reflection.v1alpha.ServerReflection': authenticated,
};

/** Returns who may call the methods of a service whose contract others wrote; `undefined`: nobody. */
export function thirdPartyAccess(service: string): AccessRule | undefined {
  return rules[service];
}
