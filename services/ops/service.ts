import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { HealthServiceContract } from '#gen/ops/v1/health.contract.ts';
import { DeadLetterServiceContract, SagaServiceContract } from '#gen/ops/v1/ops.contract.ts';
import { ProjectionServiceContract } from '#gen/ops/v1/projection.contract.ts';
import {
  type CreateService,
  combineDeadLetters,
  createAuditor,
  createIdempotency,
  sagaDeadLetters,
  serve,
} from '#mesh';
import { auditOrders } from './audits/audit-orders.ts';
import { createAuditRpc } from './audits/audit-rpc.ts';
import { createDeadLetterRpc } from './dead-letters/dead-letter-rpc.ts';
import { createHealthRpc } from './health-rpc.ts';
import { combineProjections } from './projections/combine-projections.ts';
import { createProjectionRpc } from './projections/projection-rpc.ts';
import { combineSagas } from './sagas/combine-sagas.ts';
import { createSagaRpc } from './sagas/saga-rpc.ts';

/** Wires the ops service over the task queue and what the services built before it have: it belongs last in a process. */
export const createOpsService: CreateService = async (runtime, earlier) => {
  const { clock, config, draining, health, logger, metrics, tasks } = runtime;
  const storage = await runtime.openStorage('ops');
  const idempotency = await createIdempotency(storage, { clock });
  const sagas = combineSagas(earlier.flatMap((service) => service.sagas ?? []));
  const deadLetters = combineDeadLetters([
    tasks.deadLetters,
    ...earlier.flatMap((service) => service.deadLetters ?? []),
    sagaDeadLetters(sagas),
  ]);
  const projections = combineProjections(earlier.flatMap((service) => service.projections ?? []));
  const auditor = createAuditor({
    checks: [...earlier.flatMap((service) => service.audits ?? []), ...auditOrders(runtime), ...runtime.audits],
    metrics,
    clock,
    logger,
    intervalMs: config.auditIntervalMs,
  });
  return {
    name: 'ops',
    serves: [
      serve(SagaServiceContract, createSagaRpc({ sagas, idempotency })),
      serve(DeadLetterServiceContract, createDeadLetterRpc({ deadLetters, idempotency, clock, logger })),
      serve(ProjectionServiceContract, createProjectionRpc(projections, draining)),
      serve(AuditServiceContract, createAuditRpc(auditor, draining)),
      serve(HealthServiceContract, createHealthRpc(health)),
    ],
    start: async () => auditor.start(),
    stop: () => auditor.stop(),
    check: () => storage.check(),
  };
};
