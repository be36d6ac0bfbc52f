import { createChannel, createClient } from 'nice-grpc';
import { HealthDefinition, HealthCheckResponse_ServingStatus as ServingStatus } from '#gen/grpc/health/v1/health.ts';
import { HealthServiceContract } from '#gen/ops/v1/health.contract.ts';
import type { Runtime } from '../../mesh/app/service/service.ts';

/** Returns the names that are not serving, from `grpc.health.v1.Health`. */
export async function notServing(address: string): Promise<string[]> {
  const channel = createChannel(address);
  try {
    const { statuses } = await createClient(HealthDefinition, channel).list({});
    const names = Object.entries(statuses).filter(([, { status }]) => status !== ServingStatus.SERVING);
    return names.map(([name]) => name).toSorted();
  } finally {
    channel.close();
  }
}

/** Returns the failing checks by health name, from `ops.v1.HealthService`, such as `ordermesh.tasks: TASKS_UNAVAILABLE`. */
export async function healthProblems(mesh: Pick<Runtime, 'client'>): Promise<Record<string, string[]>> {
  const { names } = await mesh.client(HealthServiceContract).listHealth({});
  const failing = names.filter(({ problems }) => problems.length > 0);
  return Object.fromEntries(
    failing.map(({ name, problems }) => [name, problems.map(({ check, reason }) => `${check}: ${reason}`)]),
  );
}
