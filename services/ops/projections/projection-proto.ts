import {
  type RebuildProgress as ProgressMessage,
  type Projection as ProjectionMessage,
  RebuildStage,
} from '#gen/ops/v1/projection.ts';
import type { ProjectionView, RebuildProgress } from '#mesh';

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

export function progressToProto(progress: RebuildProgress): ProgressMessage {
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
    differences: differences.map(({ key, live = '', rebuilt = '' }) => ({ key, live, rebuilt })),
  };
}
