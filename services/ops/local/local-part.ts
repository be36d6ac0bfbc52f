import {
  type Clock,
  combineAuditors,
  combineDeadLetters,
  type DeadLetterQueue,
  type Logger,
  type Process,
  type QueueBacklog,
  sagaDeadLetters,
} from '#mesh';
import type { OpsPart } from '../ops-part.ts';
import { localActions, type OwnActions } from './actions.ts';
import { localAudits } from './audits.ts';
import { localConsumers } from './consumers.ts';
import { localDeadLetters } from './dead-letters.ts';
import { localOwners } from './owners.ts';
import { combineProjections, localProjections } from './projections.ts';
import { combineSagas, localSagas } from './sagas.ts';
import { localStatus } from './status.ts';

export interface LocalPartDeps {
  readonly process: Process;
  /** What waits in the queues that this process works on. */
  readonly queues: () => Promise<QueueBacklog[]>;
  /** The dead letters of tasks, if this process shows them. */
  readonly deadTasks: DeadLetterQueue | undefined;
  /** The actions of `ops` itself, if it has a database. */
  readonly ownActions: OwnActions | undefined;
  /** Aborts when the process drains. */
  readonly draining: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Creates the part of this process: one list of the sagas, dead letters and projections of all its services. */
export function createLocalPart(deps: LocalPartDeps): OpsPart {
  const { process, queues, deadTasks, ownActions, draining, clock, logger } = deps;
  const { services } = process;
  const sagas = combineSagas(services.flatMap((service) => service.sagas ?? []));
  const deadLetters = combineDeadLetters([
    ...(deadTasks ? [deadTasks] : []),
    ...services.flatMap((service) => service.deadLetters ?? []),
    sagaDeadLetters(sagas),
  ]);
  const projections = combineProjections(services.flatMap((service) => service.projections ?? []));
  const auditor = combineAuditors(process.auditors);
  const ofServices = () => services.flatMap((service) => service.auditor?.checks ?? []);
  return {
    remote: undefined,
    servesOps: async () => true,
    ...localSagas(sagas),
    ...localDeadLetters({ deadLetters, logger }),
    ...localProjections(projections, draining),
    ...localConsumers({ services, draining, logger }),
    ...localAudits({ auditor, ofServices, draining }),
    ...localOwners(services),
    ...localActions([...services, ...(ownActions ? [ownActions] : [])]),
    ...localStatus({ process, queues, sagas, deadLetters, projections, auditor, clock }),
  };
}
