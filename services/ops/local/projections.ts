import {
  type RebuildProgress as ProgressMessage,
  type Projection as ProjectionMessage,
  RebuildStage,
} from '#gen/ops/v1/projection.ts';
import { cutText, type ProjectionAdmin, type ProjectionView, type RebuildProgress, unknownProjection } from '#mesh';
import type { OpsPart } from '../ops-part.ts';

/** Shows and rebuilds the projections of this process. A rebuild is cancelled when its call ends or the process drains. */
export function localProjections(
  projections: ProjectionAdmin,
  draining: AbortSignal,
): Pick<OpsPart, 'listProjections' | 'rebuildProjection'> {
  return {
    listProjections: async () => (await projections.list()).map(projectionToProto),

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

/** Combines the projections of several services into one list in name order. Each is rebuilt by its service. */
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
      const found = all.find(({ view }) => view.name === name);
      if (!found) throw unknownProjection({ name, known: all.map(({ view }) => view.name) });
      yield* found.admin.rebuild(name, options, signal);
    },
  };
}
