import type { ProjectionServiceImplementation } from '#gen/ops/v1/projection.ts';
import type { MeshCallContext, ProjectionAdmin } from '#mesh';
import { progressToProto, projectionToProto } from './projection-proto.ts';

/** The handlers of `ops.v1.ProjectionService`. A rebuild is called off when its call ends, or its process begins to. */
export function createProjectionRpc(
  projections: ProjectionAdmin,
  draining: AbortSignal,
): ProjectionServiceImplementation<MeshCallContext> {
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
