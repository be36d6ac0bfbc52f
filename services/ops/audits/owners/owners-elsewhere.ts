import type { OwnIds } from '#mesh';
import { askAll, askOne, type Unanswered, unreachable } from '../../combine/ask.ts';
import type { PartCall } from '../../ops-part.ts';
import type { FoundParts, PartGroup } from '../../remote/find-parts.ts';

/** The owners in other processes, when they were last asked. */
export interface OwnersElsewhere {
  /** How their ids are asked for, by name. */
  readonly owners: ReadonlyMap<string, OwnIds>;
  /**
   * Whether an owner may be in a process that did not answer. A process may have services that discovery does not name, so any
   * may be.
   */
  mayBeAway(owner: string): boolean;
  /** Throws UNAVAILABLE `PROCESS_UNREACHABLE` if a process did not answer. */
  requireAll(): void;
}

/** Asks the processes of other services which owners they have. */
export async function findOwnersElsewhere(
  find: () => Pick<FoundParts, 'groups' | 'possible'>,
  signal: AbortSignal,
): Promise<OwnersElsewhere> {
  const { groups, possible } = find();
  const call: PartCall = { signal, peer: '', remainingMs: () => Number.POSITIVE_INFINITY };
  const unanswered: Unanswered[] = [];
  const answers = await askAll(
    groups,
    signal,
    (part) => part.listOwners(call),
    (one) => unanswered.push(one),
  );
  // Any process that the service has then: all that listed the owner may end before the check does.
  const ask =
    (group: PartGroup, owner: string): OwnIds =>
    (ids) =>
      askOne(sameGroup(group, find().groups), signal, (part) => part.filterOwnIds(owner, ids, call));
  const entries = answers.flatMap(({ group, answer }) => answer.map((owner) => [owner, ask(group, owner)] as const));
  return {
    owners: new Map(entries),
    mayBeAway: (owner) => unanswered.length > 0 || possible.includes(owner),
    requireAll() {
      if (unanswered.length > 0) throw unreachable(unanswered);
    },
  };
}

/** The group that has the services of `group` now. */
function sameGroup(group: PartGroup, groups: readonly PartGroup[]): PartGroup {
  const [service = ''] = group.name.split(',');
  return groups.find(({ name }) => name.split(',').includes(service)) ?? group;
}
