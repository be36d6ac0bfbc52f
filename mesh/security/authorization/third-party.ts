import type { AccessRule } from '../../contract/contract.ts';

const anyone: AccessRule = { anyone: true };
/** Whoever is known. The gateway asks for itself, to show the services of all processes. */
const authenticated: AccessRule = { services: ['*', 'gateway'], roles: ['*'] };

/**
 * The rules of contracts that others wrote, whose methods therefore declare none: of a method, or of all of a service.
 */
const rules: Readonly<Record<string, AccessRule | undefined>> = {
  // Load balancers and orchestrators ask without any identity, and learn no more than whether the name
  // that they know serves.
  'grpc.health.v1.Health/check': anyone,
  'grpc.health.v1.Health/watch': anyone,
  // What there is, is also what there is to attack: who asks for it is known. The same goes for the OpenAPI document.
  'grpc.health.v1.Health/list': authenticated,
  'grpc.reflection.v1.ServerReflection': authenticated,
  'grpc.reflection.v1alpha.ServerReflection': authenticated,
};

/**
 * Returns who may call a method of a service whose contract others wrote; `undefined`: nobody.
 *
 * @param method As in the generated definition: `serverReflectionInfo`.
 */
export function thirdPartyAccess(service: string, method: string): AccessRule | undefined {
  return rules[`${service}/${method}`] ?? rules[service];
}
