import type { HealthServiceHandlers } from '#gen/ops/v1/health.contract.ts';
import { HealthStatus } from '#gen/ops/v1/health.ts';
import type { HealthList } from '#mesh';

/** Implements `ops.v1.HealthService`. */
export function createHealthRpc(health: HealthList): HealthServiceHandlers {
  return {
    async listHealth() {
      const names = health.list().map(({ name, status, sinceMs, problems }) => ({
        name,
        status: status === 'SERVING' ? HealthStatus.HEALTH_STATUS_SERVING : HealthStatus.HEALTH_STATUS_NOT_SERVING,
        since: new Date(sinceMs),
        problems: problems.map((problem) => ({ ...problem })),
      }));
      return { names };
    },
  };
}
