import type { ProjectionServiceHandlers } from '#gen/ops/v1/projection.contract.ts';
import type { Projection } from '#gen/ops/v1/projection.ts';
import { unknownProjection } from '#mesh';
import { ambiguousProjection } from '../errors.ts';
import type { OpsPart } from '../ops-part.ts';
import { type Answered, unreachable } from './ask.ts';
import type { ViewOf } from './mesh-view.ts';

/** Implements `ops.v1.ProjectionService`. A projection is rebuilt by a process that has it. */
export function createProjectionRpc(viewOf: ViewOf): ProjectionServiceHandlers {
  return {
    async *listProjections(_request, call) {
      const lists = await viewOf(call).all((part) => part.listProjections(call));
      for (const { projection } of byName(lists)) yield projection;
    },

    async *rebuildProjection({ name, dryRun, reason }, call) {
      const { answers, unanswered } = await viewOf(call).allKnown((part) => part.listProjections(call));
      const all = byName(answers);
      const matches = all.filter(({ projection }) => projection.name === name || shortName(projection.name) === name);
      const [first] = matches;
      // A short name may be ambiguous with that of a service which did not answer.
      const isCertain = first?.projection.name === name;
      if (!isCertain && unanswered.length > 0) throw unreachable(unanswered);
      if (!first) throw unknownProjection({ name, known: namesOf(all) });
      if (matches.length > 1) throw ambiguousProjection({ name, known: namesOf(matches) });
      yield* first.part.rebuildProjection({ name: first.projection.name, dryRun, reason }, call);
    },
  };
}

interface OwnedProjection {
  readonly part: OpsPart;
  readonly projection: Projection;
}

/** Each projection once, in name order. */
function byName(lists: readonly Answered<Projection[]>[]): OwnedProjection[] {
  const found = new Map<string, OwnedProjection>();
  for (const { part, answer } of lists) {
    for (const projection of answer) if (!found.has(projection.name)) found.set(projection.name, { part, projection });
  }
  return [...found.values()].toSorted((one, other) => (one.projection.name < other.projection.name ? -1 : 1));
}

function shortName(name: string): string {
  return name.slice(name.indexOf('/') + 1);
}

function namesOf(projections: readonly OwnedProjection[]): string[] {
  return projections.map(({ projection }) => projection.name);
}
