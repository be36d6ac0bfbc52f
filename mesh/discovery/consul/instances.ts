import type { FoundEndpoint } from '../discovery.ts';
import { registryAnswerInvalid } from '../errors.ts';
import { joinAddress, listAt, memberAt, textAt } from '../json-members.ts';

/** The services of a mesh have it in a registry that knows others as well. */
export const grpcTag = 'grpc';

/** Reads the names of the services that speak gRPC from an answer of the catalog. */
export function namesOf(answer: unknown): readonly string[] {
  return Object.keys(answer ?? {}).filter((name) => listAt(answer, name)?.includes(grpcTag));
}

/** Reads the instances of a health query. Throws REGISTRY_ANSWER_INVALID if the answer is not a list. */
export function instancesOf(answer: unknown, registry: string): readonly FoundEndpoint[] {
  if (!Array.isArray(answer)) throw registryAnswerInvalid({ registry, problem: 'instances that are not a list' });
  return answer.map((entry: unknown) => ({
    // An instance that was registered without an address is at that of its node.
    address: joinAddress(
      textAt(entry, 'Service', 'Address') ?? memberAt(entry, 'Node', 'Address'),
      memberAt(entry, 'Service', 'Port'),
    ),
    state: 'ready' as const,
    version: textAt(entry, 'Service', 'Meta', 'version'),
  }));
}
