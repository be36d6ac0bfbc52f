import type { FoundEndpoint } from '../discovery.ts';
import { registryAnswerInvalid } from '../errors.ts';
import { joinAddress, memberAt, textAt } from '../json-members.ts';

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
    zone: textAt(entry, 'Service', 'Meta', 'zone') ?? textAt(entry, 'Node', 'Meta', 'zone'),
    version: textAt(entry, 'Service', 'Meta', 'version'),
  }));
}
