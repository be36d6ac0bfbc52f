import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { ConsumerServiceContract } from '#gen/ops/v1/consumer.contract.ts';
import { HealthServiceContract } from '#gen/ops/v1/health.contract.ts';
import { DeadLetterServiceContract, SagaServiceContract } from '#gen/ops/v1/ops.contract.ts';
import { ProjectionServiceContract } from '#gen/ops/v1/projection.contract.ts';
import { StatusServiceContract } from '#gen/ops/v1/status.contract.ts';
import { combineAuditors, combineDeadLetters, defineService, sagaDeadLetters, serve } from '#mesh';
import { auditOrders } from './audits/audit-orders.ts';
import { auditOwners } from './audits/owners/audit-owners.ts';
import { findOwners } from './audits/owners/owners.ts';
import { createAuditRpc } from './local/audit-rpc.ts';
import { createConsumerRpc } from './local/consumer-rpc.ts';
import { createDeadLetterRpc } from './local/dead-letters/dead-letter-rpc.ts';
import { createHealthRpc } from './local/health-rpc.ts';
import { combineProjections, createProjectionRpc } from './local/projection-rpc.ts';
import { combineSagas, createSagaRpc } from './local/sagas/saga-rpc.ts';
import { createStatusRpc } from './local/status/status-rpc.ts';

/** Shows and resolves what is stuck in the task queue and in the other services of the process. */
export const opsService = defineService({
  name: 'ops',
  migrations: [],
  observesProcess: true,
  setup: ({ process, findClient, tasks, draining, clock, logger }) => {
    const { services, health } = process;
    const sagas = combineSagas(services.flatMap((service) => service.sagas ?? []));
    const deadLetters = combineDeadLetters([
      tasks.deadLetters,
      ...services.flatMap((service) => service.deadLetters ?? []),
      sagaDeadLetters(sagas),
    ]);
    const projections = combineProjections(services.flatMap((service) => service.projections ?? []));
    const owners = findOwners(process);
    const auditor = combineAuditors(process.auditors);
    return {
      audits: [...auditOrders({ findClient, clock }, owners), ...auditOwners(owners, { findClient })],
      serves: [
        serve(SagaServiceContract, createSagaRpc(sagas)),
        serve(DeadLetterServiceContract, createDeadLetterRpc({ deadLetters, clock, logger })),
        serve(ProjectionServiceContract, createProjectionRpc(projections, draining)),
        serve(AuditServiceContract, createAuditRpc(auditor, draining)),
        serve(HealthServiceContract, createHealthRpc(health)),
        serve(ConsumerServiceContract, createConsumerRpc({ services, draining, logger })),
        serve(
          StatusServiceContract,
          createStatusRpc({ process, queues: tasks.backlogs, sagas, deadLetters, projections, auditor, clock }),
        ),
      ],
    };
  },
});
