import type { ProjectionServiceHandlers } from '#gen/ops/v1/projection.contract.ts';
import type { ProjectionAdmin } from '#mesh';
import { progressToProto, projectionToProto } from './projection-proto.ts';

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
