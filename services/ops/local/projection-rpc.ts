import type { ProjectionServiceHandlers } from '#gen/ops/v1/projection.contract.ts';
import {
  type RebuildProgress as ProgressMessage,
  type Projection as ProjectionMessage,
  RebuildStage,
} from '#gen/ops/v1/projection.ts';
import { cutText, type ProjectionAdmin, type ProjectionView, type RebuildProgress, unknownProjection } from '#mesh';
import { ambiguousProjection } from '../errors.ts';

/** Implements `ops.v1.ProjectionService`. A rebuild is cancelled when its call ends or the process drains. */
export function createProjectionRpc(projections: ProjectionAdmin, draining: AbortSignal): ProjectionServiceHandlers {
  return {
    async *listProjections() {
      for (const view of await projections.list()) yield projectionToProto(view);
    },

    async *rebuildProjection({ name, dryRun }, { signal }) {
      const rebuild = projections.rebuild(name, { dryRun }, AbortSignal.any([signal, draining]));
      for await (const progress of rebuild) yield progressToProto(progress);
    },
  };
}

const stages = {
  replaying: RebuildStage.REBUILD_STAGE_REPLAYING,
  comparing: RebuildStage.REBUILD_STAGE_COMPARING,
  switched: RebuildStage.REBUILD_STAGE_SWITCHED,
  discarded: RebuildStage.REBUILD_STAGE_DISCARDED,
} as const satisfies Record<RebuildProgress['stage'], RebuildStage>;

export function projectionToProto({ behindSinceMs, parkedEvents, ...view }: ProjectionView): ProjectionMessage {
  const behindSince = behindSinceMs === undefined ? undefined : new Date(behindSinceMs);
  return { ...view, behindSince, parkedEvents: BigInt(parkedEvents) };
}

// The last message has 20 of them twice, and callers accept 4 MiB.
const maxRowBytes = 16 * 1024;

function progressToProto(progress: RebuildProgress): ProgressMessage {
  const { stage, eventsDone, eventsTotal, rowsCompared, rowsDifferent, differences, eventsLacking, ...hashes } =
    progress;
  return {
    ...hashes,
    stage: stages[stage],
    eventsDone: BigInt(eventsDone),
    eventsTotal: BigInt(eventsTotal),
    rowsCompared: BigInt(rowsCompared),
    rowsDifferent: BigInt(rowsDifferent),
    eventsLacking: BigInt(eventsLacking),
    differences: differences.map(({ key, live = '', rebuilt = '' }) => ({
      key: cutText(key, maxRowBytes),
      live: cutText(live, maxRowBytes),
      rebuilt: cutText(rebuilt, maxRowBytes),
    })),
  };
}

/**
 * Combines the projections of several services into one list in name order. Each is rebuilt by its service. A name that only one
 * service uses is enough without the service's name.
 */
export function combineProjections(admins: readonly ProjectionAdmin[]): ProjectionAdmin {
  const owned = async () => {
    const lists = await Promise.all(admins.map(async (admin) => ({ admin, views: await admin.list() })));
    const all = lists.flatMap(({ admin, views }) => views.map((view) => ({ admin, view })));
    return all.toSorted((one, other) => (one.view.name < other.view.name ? -1 : 1));
  };
  return {
    list: async () => (await owned()).map(({ view }) => view),

    async *rebuild(name, options, signal) {
      const all = await owned();
      const matches = all.filter(({ view }) => view.name === name || shortName(view.name) === name);
      const [first] = matches;
      if (!first) throw unknownProjection({ name, known: namesOf(all) });
      if (matches.length > 1) throw ambiguousProjection({ name, known: namesOf(matches) });
      yield* first.admin.rebuild(first.view.name, options, signal);
    },
  };
}

function shortName(name: string): string {
  return name.slice(name.indexOf('/') + 1);
}

function namesOf(projections: readonly { readonly view: { readonly name: string } }[]): string[] {
  return projections.map(({ view }) => view.name);
}
