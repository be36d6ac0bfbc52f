import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { HealthServiceContract, type HealthServiceHandlers } from '#gen/ops/v1/health.contract.ts';
import { HealthStatus } from '#gen/ops/v1/health.ts';
import { DeadLetterServiceContract, SagaServiceContract } from '#gen/ops/v1/ops.contract.ts';
import { ProjectionServiceContract } from '#gen/ops/v1/projection.contract.ts';
import {
  combineDeadLetters,
  createAuditor,
  defineService,
  type HealthList,
  millisecondsSetting,
  sagaDeadLetters,
  serve,
} from '#mesh';
import { auditOrders } from './audits/audit-orders.ts';
import { createAuditRpc } from './audits/audit-rpc.ts';
import { createDeadLetterRpc } from './dead-letters/dead-letter-rpc.ts';
import { combineProjections, createProjectionRpc } from './projections/projection-rpc.ts';
import { combineSagas, createSagaRpc } from './sagas/saga-rpc.ts';

const auditIntervalMs = millisecondsSetting('AUDIT_INTERVAL_MS', {
  default: '3600000',
  max: 604_800_000,
  doc: 'the wait before each background audit, up to 604800000; 0: no background audits',
});

/** Shows and resolves what is stuck in the task queue and in the other services of the process. */
export const opsService = defineService({
  name: 'ops',
  settings: { auditIntervalMs },
  migrations: [],
  observesProcess: true,
  setup: ({ settings, process, findClient, run, tasks, draining, metrics, clock, logger }) => {
    const { services, audits, health } = process;
    const sagas = combineSagas(services.flatMap((service) => service.sagas ?? []));
    const deadLetters = combineDeadLetters([
      tasks.deadLetters,
      ...services.flatMap((service) => service.deadLetters ?? []),
      sagaDeadLetters(sagas),
    ]);
    const projections = combineProjections(services.flatMap((service) => service.projections ?? []));
    const auditor = createAuditor({
      checks: [
        ...services.flatMap((service) => service.audits ?? []),
        ...auditOrders({ findClient, clock }),
        ...audits,
      ],
      metrics,
      clock,
      logger,
      intervalMs: settings.auditIntervalMs,
    });
    run.background({ start: async () => auditor.start(), stop: () => auditor.stop() });
    return {
      serves: [
        serve(SagaServiceContract, createSagaRpc(sagas)),
        serve(DeadLetterServiceContract, createDeadLetterRpc({ deadLetters, clock, logger })),
        serve(ProjectionServiceContract, createProjectionRpc(projections, draining)),
        serve(AuditServiceContract, createAuditRpc(auditor, draining)),
        serve(HealthServiceContract, createHealthRpc(health)),
      ],
    };
  },
});

/** Implements `ops.v1.HealthService`. */
function createHealthRpc(health: HealthList): HealthServiceHandlers {
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
