import { type Endpoints, type RouteOf, serviceNameOf } from '#mesh';

/**
 * Routes by the full name of a service: `/user.v1.UserService/GetUser` goes to `user`. A registry that knows its services only
 * once it is asked (DNS) is asked for those of the `declared` contracts, and not for any name that a caller may invent. What
 * the registry lists is routed too, also a contract that this version does not know.
 */
export function createRoutes(endpoints: Pick<Endpoints, 'knows' | 'names'>, declared: readonly string[]): RouteOf {
  const names = new Set(declared.map(serviceNameOf));
  return (path) => {
    const service = serviceNameOf(path.slice(1));
    const known = endpoints.knows(service);
    if (known === 'certain') return service;
    const isAsked = known === 'possible' && (names.has(service) || endpoints.names().includes(service));
    return isAsked ? service : undefined;
  };
}
