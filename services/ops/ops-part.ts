import type { ListOperatorActionsRequest, OperatorAction } from '#gen/ops/v1/action.ts';
import type { Audit, AuditReport, AvailableCheck } from '#gen/ops/v1/audit.ts';
import type { ConsumerGroup, ReplayConsumerRequest, ReplayProgress } from '#gen/ops/v1/consumer.ts';
import type {
  DeadLetter,
  DeadLetterFailure,
  GetDeadLetterRequest,
  GetSagaRequest,
  ListDeadLettersRequest,
  ListSagasRequest,
  ResolveSagaRequest,
  RetrySagaRequest,
  Saga,
} from '#gen/ops/v1/ops.ts';
import type { Projection, RebuildProgress, RebuildProjectionRequest } from '#gen/ops/v1/projection.ts';
import type { Status } from '#gen/ops/v1/status.ts';
import type { MeshCallContext } from '#mesh';

/** The call of an operator for which a part works. */
export type PartCall = Pick<MeshCallContext, 'signal' | 'peer' | 'remainingMs'>;

/** How the change of a dead letter ended. `missing`: this part does not have it, or no longer. */
export type DeadLetterChange = 'changed' | 'missing' | Omit<DeadLetterFailure, 'id'>;

/** Another process. */
export interface RemoteProcess {
  /** The names under which discovery knows it: `order`, or `order,payment`. */
  readonly name: string;
  /** `host:port`. */
  readonly address: string;
}

/** What `ops.v1` shows and changes of one process: of this one, or of another over gRPC. */
export interface OpsPart {
  /** Where it is, and how discovery calls it. `undefined`: it is this process. */
  readonly remote: RemoteProcess | undefined;
  /** Whether it serves `ops.v1`, if only in an older version. */
  servesOps(call: PartCall): Promise<boolean>;
  getStatus(call: PartCall): Promise<Status>;
  /** In id order. */
  listSagas(request: ListSagasRequest, call: PartCall): AsyncIterable<Saga>;
  /** Throws NOT_FOUND `UNKNOWN_SAGA`. */
  getSaga(request: GetSagaRequest, call: PartCall): Promise<Saga>;
  retrySaga(request: RetrySagaRequest, call: PartCall): Promise<Saga>;
  resolveSaga(request: ResolveSagaRequest, call: PartCall): Promise<Saga>;
  /** In id order. */
  listDeadLetters(request: ListDeadLettersRequest, call: PartCall): AsyncIterable<DeadLetter>;
  /** Throws NOT_FOUND `UNKNOWN_DEAD_LETTER`. */
  getDeadLetter(request: GetDeadLetterRequest, call: PartCall): Promise<DeadLetter>;
  redrive(id: string, call: PartCall): Promise<DeadLetterChange>;
  discard(id: string, note: string, call: PartCall): Promise<DeadLetterChange>;
  listProjections(call: PartCall): Promise<Projection[]>;
  rebuildProjection(request: RebuildProjectionRequest, call: PartCall): AsyncIterable<RebuildProgress>;
  listConsumers(call: PartCall): Promise<ConsumerGroup[]>;
  replayConsumer(request: ReplayConsumerRequest, call: PartCall): AsyncIterable<ReplayProgress>;
  listChecks(call: PartCall): Promise<AvailableCheck[]>;
  /** Runs the checks with these names, all of which it has. */
  runAudit(names: readonly string[], call: PartCall): AsyncIterable<AuditReport>;
  /** The names of the services that charge or reserve under ids of their own. */
  listOwners(call: PartCall): Promise<string[]>;
  /** Returns those of the ids that are the owner's. Throws NOT_FOUND `UNKNOWN_OWNER`. */
  filterOwnIds(owner: string, ids: readonly string[], call: PartCall): Promise<string[]>;
  /** What operators changed, in id order. */
  listActions(request: ListOperatorActionsRequest, call: PartCall): AsyncIterable<OperatorAction>;
  /** `undefined` if none has finished. */
  getLastAudit(call: PartCall): Promise<Audit | undefined>;
}
