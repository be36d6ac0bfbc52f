import type { HealthServiceHandlers } from '#gen/ops/v1/health.contract.ts';
import { HealthStatus, type NamedHealth as NamedHealthMessage } from '#gen/ops/v1/health.ts';
import type { HealthList, NamedHealth } from '#mesh';

/** Implements `ops.v1.HealthService`. */
export function createHealthRpc(health: HealthList): HealthServiceHandlers {
  return { listHealth: async () => ({ names: health.list().map(namedHealthToProto) }) };
}

export function namedHealthToProto({ name, status, sinceMs, problems }: NamedHealth): NamedHealthMessage {
  return {
    name,
    status: status === 'SERVING' ? HealthStatus.HEALTH_STATUS_SERVING : HealthStatus.HEALTH_STATUS_NOT_SERVING,
    since: new Date(sinceMs),
    problems: problems.map((problem) => ({ ...problem })),
  };
}
