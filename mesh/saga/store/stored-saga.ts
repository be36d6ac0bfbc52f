import type { Row } from '../../storage/storage.ts';
import { recordFromJson, type SagaRecord } from '../decide/record.ts';
import type { SagaView } from '../saga.ts';
import { fromJson } from './json.ts';

/** A saga as it is kept. */
export interface StoredSaga {
  readonly id: string;
  readonly name: string;
  readonly definitionVersion: number;
  readonly subjectId: string;
  readonly record: SagaRecord;
  readonly data: unknown;
  readonly notes: readonly string[];
  /** Of the call that began it. */
  readonly requestId: string;
  readonly traceparent: string;
  /** Grows with every change of the record. */
  readonly version: bigint;
  /** Grows with every change of the record that the driver makes. */
  readonly turn: bigint;
  /** Grows with every change of the driver: a driver with an older one may write nothing. */
  readonly epoch: bigint;
  readonly leaseOwner: string | null;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** A row of the table `saga`. */
export interface SagaRow extends Row {
  readonly id: string;
  readonly name: string;
  readonly definition_version: bigint;
  readonly subject_id: string;
  readonly record: string;
  readonly data: string;
  readonly notes: string;
  readonly request_id: string;
  readonly traceparent: string;
  readonly version: bigint;
  readonly turn: bigint;
  readonly epoch: bigint;
  readonly lease_owner: string | null;
  readonly create_time: bigint;
  readonly update_time: bigint;
}

export function sagaFromRow(row: SagaRow): StoredSaga {
  return {
    id: row.id,
    name: row.name,
    definitionVersion: Number(row.definition_version),
    subjectId: row.subject_id,
    record: recordFromJson(row.record),
    data: fromJson(row.data),
    notes: JSON.parse(row.notes) as string[],
    requestId: row.request_id,
    traceparent: row.traceparent,
    version: row.version,
    turn: row.turn,
    epoch: row.epoch,
    leaseOwner: row.lease_owner,
    createTimeMs: Number(row.create_time),
    updateTimeMs: Number(row.update_time),
  };
}

/** What people are shown of a saga. */
export function viewOf(saga: StoredSaga): SagaView {
  const { record } = saga;
  return {
    id: saga.id,
    name: saga.name,
    definitionVersion: saga.definitionVersion,
    subjectId: saga.subjectId,
    state: record.state,
    steps: record.steps,
    failure: record.failure,
    createTimeMs: saga.createTimeMs,
    updateTimeMs: saga.updateTimeMs,
    nextAttemptTimeMs: record.waitUntilMs,
    notes: saga.notes,
  };
}
