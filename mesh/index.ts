export type { Client } from 'nice-grpc';
export { Status } from 'nice-grpc-common';
export { defineService } from './app/define-service.ts';
export { runApp } from './app/run-app.ts';
export type { Process, Runtime, ServiceDefinition } from './app/service.ts';
export type {
  Audit,
  AuditCheck,
  AuditProgress,
  AuditReport,
  CheckFinding,
  CheckResult,
  Finding,
} from './audit/audit.ts';
export { type Auditor, createAuditor } from './audit/create-auditor.ts';
export type { ClientOptions } from './client/client-factory.ts';
export { millisecondsSetting, type Setting, urlSetting } from './config/setting.ts';
export type { FieldViolation } from './contract/contract.ts';
export { combineDeadLetters } from './dead-letters/combine.ts';
export type { DeadLetter, DeadLetterFilter, DeadLetterQueue, DeadLetterSource } from './dead-letters/dead-letters.ts';
export { handlerFailed } from './dead-letters/errors.ts';
export { createDeadLetterStore } from './dead-letters/store.ts';
export { defineError, defineReason } from './errors/define-error.ts';
export { invalidFields, invalidRequest, staleEtag, undecodable } from './errors/errors.ts';
export { MeshError } from './errors/mesh-error.ts';
export { decodeStatusDetails, statusDetailsKey } from './errors/status-details.ts';
export type { AggregateDefinition, Aggregates, Cause, TransactingCall } from './event-store/aggregates/aggregate.ts';
export { auditStream, eventFault, streamsAfter } from './event-store/aggregates/audit-stream.ts';
export { createAggregates } from './event-store/aggregates/create-aggregates.ts';
export { defineEventTypes, type EventType } from './event-store/aggregates/event-types.ts';
export { streamConflict, unknownProjection } from './event-store/errors.ts';
export type { EventStore, RecordedEvent, StreamEvent } from './event-store/event-store.ts';
export { projectionAudits } from './event-store/projections/audit-projections.ts';
export { createProjector, type Projector } from './event-store/projections/create-projector.ts';
export { lockLive } from './event-store/projections/generation-table.ts';
export type {
  Projection,
  ProjectionAdmin,
  ProjectionTable,
  ProjectionView,
  RebuildProgress,
} from './event-store/projections/projection.ts';
export { type AggregateEvent, tableProjection } from './event-store/projections/table-projection.ts';
export { insertRows, writeRows } from './event-store/projections/table-rows.ts';
export { createEventStore } from './event-store/streams/create-event-store.ts';
export { consume, decodeEvent, type MessageReader } from './events/consumer/consume.ts';
export type { EventEffect, EventHandler } from './events/consumer/consumer.ts';
export { createEventConsumer } from './events/consumer/create-consumer.ts';
export { type DomainEvent, type EventAttributes, readAttributes } from './events/log/envelope.ts';
export type { EventLog, EventPosition, NewEvent, StartPosition, StoredEvent } from './events/log/event-log.ts';
export { defineTopic, type EventMessage, type Topic } from './events/log/topic.ts';
export { createOutbox } from './events/outbox/create-outbox.ts';
export type { Outbox } from './events/outbox/outbox.ts';
export type { Idempotency, Once } from './idempotency/idempotency.ts';
export { uuidv5, uuidv7 } from './ids/ids.ts';
export { join } from './iterables/join.ts';
export { mapConcurrently } from './iterables/map-concurrently.ts';
export { mergeById } from './iterables/merge-by-id.ts';
export { take } from './iterables/take.ts';
export type { SagaAdmin, SagaView } from './saga/admin/admin.ts';
export { sagaDeadLetters } from './saga/admin/dead-letters.ts';
export type { SagaState, SagaStepState, SagaStepView } from './saga/decide/record.ts';
export { createSagaEngine, type SagaEngine } from './saga/engine.ts';
export { unknownSaga } from './saga/errors.ts';
export { type SagaDefinition, type SagaFailure, type SagaProgress, type StepContext, saga } from './saga/saga.ts';
export type { IdempotentCallContext, IdleWait, MeshCallContext } from './server/call-context.ts';
export type { HealthList } from './server/health/health.ts';
export { serve } from './server/serve.ts';
export { makeFolder } from './storage/make-folder.ts';
export { loadMigrations } from './storage/migrations.ts';
export { openStorage } from './storage/open.ts';
export { readPages } from './storage/read-pages.ts';
export { paddedList, storableText } from './storage/sql.ts';
export type { Queryable, Row, SqlValue, Storage, Transaction } from './storage/storage.ts';
export { errorText, isFinalFailure } from './tasks/failed-try.ts';
export {
  createQueueWorker,
  defineQueue,
  type JobCodec,
  type Queue,
  type QueuedTask,
  type QueueWorker,
} from './tasks/queue.ts';
export type { NewTask, Task, TaskWorker } from './tasks/task-queue.ts';
export { currentScope } from './telemetry/call-scope.ts';
export type { Logger } from './telemetry/logger.ts';
export { type Clock, systemClock } from './time/clock.ts';
export { sleep } from './time/sleep.ts';
export { yieldEvery } from './time/yield-to-event-loop.ts';
export { type Address, toAddress } from './values/address.ts';
export { isInt64, maxInt64 } from './values/int64.ts';
export type { JsonObject, JsonValue } from './values/json.ts';
export { type Money, moneyFromJson, moneyToJson } from './values/money.ts';
