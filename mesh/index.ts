/**
 * The entry point of the runtime. Services and examples import it as `#mesh`, and nothing below it; tests also `#mesh/testing`.
 */

// A service: its definition, contracts, clients and settings.

export type { Client } from 'nice-grpc';
export { runApp } from './app/run-app.ts';
export { defineService } from './app/service/define-service.ts';
export type { Runtime, ServiceDefinition } from './app/service/service.ts';
export type { ServiceEndpoint } from './balancing/balancer.ts';
export type { Answer, FallbackSettings } from './client/answer.ts';
export type { ClientOptions, MeshClient } from './client/client-factory.ts';
export { declaredCursor } from './client/declared-cursor.ts';
export { afterLast, type Cursor, type ResumableOptions, resumable } from './client/resumable.ts';
export { isLocal } from './config/address.ts';
export { type ServerTrust, trustOptions } from './config/server-trust.ts';
export { certificatesSetting, millisecondsSetting, type Setting, urlSetting } from './config/setting.ts';
export type { FieldViolation } from './contract/contract.ts';
export type { Once } from './idempotency/idempotency.ts';
export type { Caller } from './identity/caller.ts';
export type { AssertOwner, IdempotentCallContext, IdleWait, MeshCallContext } from './server/call-context.ts';
export { type ServedContract, serve } from './server/serve.ts';
export { actorOfScope, currentScope } from './telemetry/call-scope.ts';
export type { Logger } from './telemetry/logger.ts';

// Errors.

export { Status } from 'nice-grpc-common';
export { handlerFailed } from './dead-letters/errors.ts';
export { noEndpoints, registryUnavailable } from './discovery/errors.ts';
export { isOutage, isRefusal, isServerFault } from './errors/codes.ts';
export { withCommandsHere } from './errors/commands-here.ts';
export { defineError, defineReason } from './errors/define-error.ts';
export { cutText, publicTextOf } from './errors/error-text.ts';
export { invalidFields, invalidRequest, staleEtag, undecodable } from './errors/errors.ts';
export { MeshError } from './errors/mesh-error.ts';
export { errorText, isFinalFailure } from './tasks/judge-failure.ts';

// REST APIs of others, and of the mesh.

export { createServiceClient } from './rest-client/create-service-client.ts';
export { serverUnreachable } from './rest-client/errors.ts';
export type { RestCallOptions, RestClient, RestClientOptions, RestResponse } from './rest-client/rest-client.ts';
export { RestError } from './rest-client/rest-error.ts';
export type { RestRoutes, TypedRestClient } from './rest-client/typed-client.ts';

// Storage.

export { type AgingClock, openAgingClock } from './storage/aging/aging-clock.ts';
export { makeFolder, makeSubfolder } from './storage/make-folder.ts';
export { warnOfOpenFolder } from './storage/open-folders.ts';
export { readPages } from './storage/read-pages.ts';
export { paddedList, storableText } from './storage/sql.ts';
export type { Queryable, Row, SqlValue, Storage, Transaction } from './storage/storage.ts';

// Events.

export { consume, decodeEvent, type MessageReader } from './events/consumer/consume.ts';
export {
  type EventEffect,
  type EventHandler,
  type HandlerResult,
  type SkippedEvent,
  type SkipReason,
  skipEvent,
} from './events/consumer/consumer.ts';
export { type DomainEvent, type EventAttributes, readAttributes } from './events/log/envelope.ts';
export type { EventLog, EventPosition, NewEvent, StartPosition, StoredEvent } from './events/log/event-log.ts';
export { defineTopic, type EventMessage, type Topic } from './events/log/topic.ts';
export type { Outbox } from './events/outbox/outbox.ts';

// Tasks.

export { defineQueue, type JobCodec, type Queue, type QueuedTask } from './tasks/queue.ts';
export type { NewTask, Task } from './tasks/task-queue.ts';

// Sagas.

export type { SagaEngine } from './saga/engine.ts';
export { type SagaDefinition, type SagaFailure, type SagaProgress, type StepContext, saga } from './saga/saga.ts';

// Event sourcing.

export type { AggregateDefinition, Aggregates, Cause, TransactingCall } from './event-store/aggregates/aggregate.ts';
export { createAggregates } from './event-store/aggregates/create-aggregates.ts';
export { defineEventTypes, type EventType } from './event-store/aggregates/event-types.ts';
export { streamConflict } from './event-store/errors.ts';
export type { EventStore, RecordedEvent, StreamEvent } from './event-store/event-store.ts';
export type { Projector } from './event-store/projections/create-projector.ts';
export type { Projection, ProjectionTable } from './event-store/projections/projection.ts';
export { type AggregateEvent, tableProjection } from './event-store/projections/table-projection.ts';
export { insertRows, writeRows } from './event-store/projections/table-rows.ts';

// Values, ids and time.

export { uuidv5, uuidv7 } from './ids/ids.ts';
export { inBatches } from './iterables/in-batches.ts';
export { join } from './iterables/join.ts';
export { mapConcurrently } from './iterables/map-concurrently.ts';
export { take } from './iterables/take.ts';
export type { Clock } from './time/clock.ts';
export { checkTimedOut } from './time/errors.ts';
export { everyHour } from './time/every-hour.ts';
export { sleep } from './time/sleep.ts';
export { within } from './time/within.ts';
export { yieldEvery } from './time/yield-to-event-loop.ts';
export { type Address, toAddress } from './values/address.ts';
export { isInt64, maxInt64 } from './values/int64.ts';
export type { JsonObject, JsonValue } from './values/json.ts';
export { type Money, moneyFromJson, moneyToJson } from './values/money.ts';

// Checks of a service's data.

export type { AuditCheck, Finding } from './audit/audit.ts';
export { auditStream, eventFault, streamsAfter } from './event-store/aggregates/audit-stream.ts';
export { appliedEvents } from './event-store/projections/applied-events.ts';

// For a service about its process: what `ops` shows and changes.

export type { DiskUsage } from './app/process-info.ts';
export type { OwnIds, Process, Service } from './app/service/service.ts';
export type { Audit, AuditProgress, AuditReport, CheckFinding, CheckResult } from './audit/audit.ts';
export { type Auditor, combineAuditors } from './audit/create-auditor.ts';
export { combineDeadLetters } from './dead-letters/combine.ts';
export type {
  DeadLetter,
  DeadLetterClosing,
  DeadLetterCount,
  DeadLetterFilter,
  DeadLetterQueue,
  DeadLetterSource,
  ListedDeadLetter,
} from './dead-letters/dead-letters.ts';
export { decodeStatusDetails, statusDetailsKey } from './errors/status-details.ts';
export { unknownProjection } from './event-store/errors.ts';
export type { ProjectionAdmin, ProjectionView, RebuildProgress } from './event-store/projections/projection.ts';
export type { PartitionLag } from './events/consumer/lag.ts';
export type { ReplayProgress } from './events/consumer/replay.ts';
export { mergeById } from './iterables/merge-by-id.ts';
export type { OperatorAction, OperatorActions } from './operator-actions/operator-actions.ts';
export type { SagaAdmin, SagaView } from './saga/admin/admin.ts';
export { sagaDeadLetters } from './saga/admin/dead-letters.ts';
export type { SagaState, SagaStepState, SagaStepView } from './saga/decide/record.ts';
export { unknownSaga } from './saga/errors.ts';
export type { SagaCount } from './saga/store/counts.ts';
export type { HealthList, NamedHealth } from './server/health/health.ts';
export type { QueueBacklog } from './tasks/open-tasks.ts';

// For a service that forwards calls.

export type { Endpoints } from './balancing/endpoints.ts';
export { contractDescriptors, readDeclaredServices } from './contract/declared-services.ts';
export { gatewayName, serviceNameOf } from './discovery/discovery.ts';
export type { RouteOf } from './server/forwarding/forwarder.ts';

// For adapters, tools and tests: the parts that `defineService` puts together, and clients without a service.

export { createClients } from './app/program-clients.ts';
export { createDeadLetterStore } from './dead-letters/store.ts';
export { projectionAudits } from './event-store/projections/audit-projections.ts';
export { createProjector } from './event-store/projections/create-projector.ts';
export { createEventStore } from './event-store/streams/create-event-store.ts';
export { createEventConsumer } from './events/consumer/create-consumer.ts';
export { createOutbox } from './events/outbox/create-outbox.ts';
export type { Idempotency } from './idempotency/idempotency.ts';
export { changeReasonKey, encodeChangeReason } from './operator-actions/change-reason.ts';
export { createSagaEngine } from './saga/engine.ts';
export { loadMigrations } from './storage/migrations.ts';
export { openStorage } from './storage/open.ts';
export { createQueueWorker, type QueueWorker } from './tasks/queue.ts';
export type { TaskWorker } from './tasks/task-queue.ts';
export { systemClock } from './time/clock.ts';
