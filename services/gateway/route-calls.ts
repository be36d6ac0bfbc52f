import { type Endpoints, type RouteOf, serviceNameOf } from '#mesh';

/**
 * Routes by the full name of a service: `/user.v1.UserService/GetUser` goes to `user`. A registry that knows its services only
 * once it is asked (DNS) is asked for those of the `declared` contracts, and not for any name that a caller may invent.
 */
export function createRoutes(endpoints: Pick<Endpoints, 'knows'>, declared: readonly string[]): RouteOf {
  const names = new Set(declared.map(serviceNameOf));
  return (path) => {
    const service = serviceNameOf(path.slice(1));
    const known = endpoints.knows(service);
    return known === 'certain' || (known === 'possible' && names.has(service)) ? service : undefined;
  };
}
