import type { HealthList } from '../server/health/health.ts';
import { methodNotAllowed, notServing } from './errors.ts';

/** Where load balancers that speak only HTTP ask for the health of the process. */
export const healthPath = '/api/health';
/** The methods that it has. */
export const healthMethods = ['GET', 'HEAD'];

/**
 * Returns the answer to a request for the health of the process, as `grpc.health.v1` reports it under the empty name: from memory,
 * and without waiting in line. Throws UNAVAILABLE `NOT_SERVING`, also while it drains, and UNIMPLEMENTED `METHOD_NOT_ALLOWED`.
 */
export function healthAnswer(method: string, health: HealthList): string {
  if (!healthMethods.includes(method)) throw methodNotAllowed({ method, allow: healthMethods });
  const [process] = health.list();
  if (process?.status !== 'SERVING') throw notServing();
  return JSON.stringify({ status: process.status });
}
