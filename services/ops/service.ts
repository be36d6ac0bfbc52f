import { ActionServiceContract } from '#gen/ops/v1/action.contract.ts';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { ConsumerServiceContract } from '#gen/ops/v1/consumer.contract.ts';
import { HealthServiceContract } from '#gen/ops/v1/health.contract.ts';
import { DeadLetterServiceContract, SagaServiceContract } from '#gen/ops/v1/ops.contract.ts';
import { OwnerServiceContract } from '#gen/ops/v1/owner.contract.ts';
import { ProjectionServiceContract } from '#gen/ops/v1/projection.contract.ts';
import { StatusServiceContract } from '#gen/ops/v1/status.contract.ts';
import {
  type Clock,
  contractDescriptors,
  defineService,
  type Idempotency,
  type Logger,
  type Process,
  readDeclaredServices,
  type ServedContract,
  serve,
  serviceNameOf,
} from '#mesh';
import { auditOrders } from './audits/audit-orders.ts';
import { auditOwners } from './audits/owners/audit-owners.ts';
import { findOwners } from './audits/owners/owners.ts';
import { createActionRpc } from './combine/action-rpc.ts';
import { createAuditRpc } from './combine/audit-rpc.ts';
import { createConsumerRpc } from './combine/consumer-rpc.ts';
import { createDeadLetterRpc } from './combine/dead-letter-rpc.ts';
import { createViews } from './combine/mesh-view.ts';
import { createOwnerRpc } from './combine/owner-rpc.ts';
import { createProjectionRpc } from './combine/projection-rpc.ts';
import { createSagaRpc } from './combine/saga-rpc.ts';
import { createStatusRpc } from './combine/status-rpc.ts';
import { createHealthRpc } from './health-rpc.ts';
import { createLocalPart } from './local/local-part.ts';
import { createPartFinder, type FoundParts } from './remote/find-parts.ts';
import { createRemotePart } from './remote/remote-part.ts';

/** Shows and resolves what is stuck in the services of all processes that it finds through discovery. */
export const opsService = defineService({
  name: 'ops',
  migrations: [],
  observesProcess: true,
  async setup(parts) {
    const { process, findClient, clientAt, endpoints, run, tasks, actions, clock, logger } = parts;
    const declared = await readDeclaredServices(contractDescriptors);
    const ownActions = { name: 'ops', actions };
    const local = createLocalPart({ ...parts, queues: tasks.backlogs, deadTasks: tasks.deadLetters, ownActions });
    const find = createPartFinder({
      local,
      endpoints,
      served: () =>
        process.services.flatMap(({ serves }) => serves.map(({ contract }) => contract.definition.fullName)),
      declared,
      connect: (remote, endpoint) => createRemotePart(remote, endpoint, { clientAt, clock }),
    });
    const owners = findOwners(process, find);
    const hasOthers =
      endpoints.names().length > 0 ||
      declared.some((contract) => endpoints.knows(serviceNameOf(contract)) === 'possible');
    // Discovery follows a service once it was asked for it.
    run.background({ start: async () => void find(), stop: async () => undefined });
    return {
      audits: [...auditOrders({ findClient, clock }, owners), ...auditOwners(owners, { findClient, hasOthers })],
      serves: serveOps(find, { process, clock, logger }),
    };
  },
});

/** Answers the same for the services of its process only: `ops` of other processes asks it. */
export const localOpsService = defineService({
  name: 'ops',
  observesProcess: true,
  isLocal: true,
  isStateless: true,
  setup(parts) {
    const { process, tasks, clock, logger } = parts;
    // Those of a broker are shared by all processes: `ops` shows them.
    const deadTasks = process.info.tasks === 'embedded' ? tasks.deadLetters : undefined;
    const alone = {
      local: createLocalPart({ ...parts, queues: tasks.backlogs, deadTasks, ownActions: undefined }),
      others: [],
      groups: [],
      possible: [],
    };
    const serves = serveOps(() => alone, { process, clock, logger });
    // It has no database, so another service of the process keeps what it does.
    const actions = process.services.find((service) => service.actions)?.actions;
    return { serves: serves.map((served) => ({ ...served, idempotency: notStored, actions })) };
  },
});

interface OpsDeps {
  readonly process: Process;
  readonly clock: Clock;
  readonly logger: Logger;
}

function serveOps(find: () => FoundParts, { process, clock, logger }: OpsDeps): ServedContract[] {
  const viewOf = createViews(find, logger);
  return [
    serve(SagaServiceContract, createSagaRpc(viewOf)),
    serve(DeadLetterServiceContract, createDeadLetterRpc(viewOf, clock)),
    serve(ProjectionServiceContract, createProjectionRpc(viewOf)),
    serve(AuditServiceContract, createAuditRpc(viewOf)),
    serve(HealthServiceContract, createHealthRpc(process.health)),
    serve(ConsumerServiceContract, createConsumerRpc(viewOf)),
    serve(OwnerServiceContract, createOwnerRpc(viewOf)),
    serve(StatusServiceContract, createStatusRpc(viewOf)),
    serve(ActionServiceContract, createActionRpc(viewOf)),
  ];
}

/** A process without a database does not know which calls it has answered: `ops`, which asks it, knows. */
const notStored: Idempotency = {
  onceFor: () =>
    Object.assign(() => Promise.reject(new TypeError('ops has no transaction here')), {
      replay: async () => undefined,
      withoutTransaction: <Response>(effect: () => Promise<Response>) => effect(),
    }),
};
