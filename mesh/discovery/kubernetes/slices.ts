import type { FoundEndpoint } from '../discovery.ts';
import { joinAddress, listAt, memberAt, textAt } from '../json-members.ts';

/** A Service may have addresses of both for each of its pods. */
const families = ['IPv4', 'IPv6'];

/**
 * Returns the instances in the EndpointSlices of a Service. One that is not ready is left out. One that terminates is
 * draining for as long as it serves.
 */
export function instancesOf(slices: Iterable<unknown>): readonly FoundEndpoint[] {
  const all = [...slices];
  for (const family of families) {
    const found = all.filter((slice) => textAt(slice, 'addressType') === family).flatMap(instancesOfSlice);
    if (found.length > 0) return found;
  }
  return [];
}

function instancesOfSlice(slice: unknown): readonly FoundEndpoint[] {
  const port = portOf(slice);
  return (listAt(slice, 'endpoints') ?? []).flatMap((endpoint) => {
    const state = stateOf(endpoint);
    if (state === undefined) return [];
    // All addresses of an endpoint are of the same pod.
    const [host] = listAt(endpoint, 'addresses') ?? [];
    return [{ address: joinAddress(host, port), state }];
  });
}

/** By the rules of the API: what is missing means ready, serving if it is ready, and not terminating. */
function stateOf(endpoint: unknown): FoundEndpoint['state'] | undefined {
  const isReady = memberAt(endpoint, 'conditions', 'ready') ?? true;
  const isServing = memberAt(endpoint, 'conditions', 'serving') ?? isReady;
  if (memberAt(endpoint, 'conditions', 'terminating') === true) return isServing === true ? 'draining' : undefined;
  return isReady === true ? 'ready' : undefined;
}

/** Whether a Service says that it serves gRPC. Others may have names like ours. */
export function hasGrpcPort(slice: unknown): boolean {
  return (listAt(slice, 'ports') ?? []).some(
    (port) => textAt(port, 'name') === 'grpc' || textAt(port, 'appProtocol') === 'grpc',
  );
}

/** The port named `grpc`, or the only one. */
function portOf(slice: unknown): unknown {
  const ports = listAt(slice, 'ports') ?? [];
  const port = ports.find((port) => textAt(port, 'name') === 'grpc') ?? (ports.length === 1 ? ports[0] : undefined);
  return memberAt(port, 'port');
}
