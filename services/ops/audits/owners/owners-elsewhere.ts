import type { OwnIds } from '#mesh';
import { askAll, type Unanswered, unreachable } from '../../combine/ask.ts';
import type { OpsPart, PartCall } from '../../ops-part.ts';
import type { PartGroup } from '../../remote/find-parts.ts';

/** The owners in other processes, when they were last asked. */
export interface OwnersElsewhere {
  /** How their ids are asked for, by name. */
  readonly owners: ReadonlyMap<string, OwnIds>;
  /** Whether an owner may be in a process that did not answer. */
  mayBeAway(owner: string): boolean;
  /** Throws UNAVAILABLE `PROCESS_UNREACHABLE` if a process did not answer. */
  requireAll(): void;
}

/** Asks the processes of other services which owners they have. */
export async function findOwnersElsewhere(groups: readonly PartGroup[], signal: AbortSignal): Promise<OwnersElsewhere> {
  const call: PartCall = { signal, peer: '', remainingMs: () => Number.POSITIVE_INFINITY };
  const unanswered: Unanswered[] = [];
  const answers = await askAll(
    groups,
    signal,
    (part) => part.listOwners(call),
    (one) => unanswered.push(one),
  );
  const ask =
    (part: OpsPart, owner: string): OwnIds =>
    (ids) =>
      part.filterOwnIds(owner, ids, call);
  const entries = answers.flatMap(({ part, answer }) => answer.map((owner) => [owner, ask(part, owner)] as const));
  return {
    owners: new Map(entries),
    mayBeAway: (owner) => unanswered.some(({ services }) => services.split(',').includes(owner)),
    requireAll() {
      if (unanswered.length > 0) throw unreachable(unanswered);
    },
  };
}
