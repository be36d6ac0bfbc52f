import type { Transaction } from '../storage/storage.ts';
import type { SagaReport } from './decision.ts';
import { stepAt } from './record.ts';
import type { SagaFailure, SagaProgress, StepContext } from './saga.ts';
import type { StoredSaga } from './stored-saga.ts';

/** A step of a saga of any data. Only a saga of the same definition may be given to it. */
export interface AnyStep {
  readonly name: string;
  readonly run: (data: never, context: StepContext) => Promise<unknown>;
  readonly undo?: (data: never, context: StepContext) => Promise<void>;
  readonly pivot?: boolean;
  readonly timeoutMs?: number;
}

/** A `SagaDefinition` of any data, so that definitions of several kinds fit in one list. */
export interface AnyDefinition {
  readonly name: string;
  readonly version: number;
  readonly steps: readonly AnyStep[];
  readonly timeoutMs?: number;
  readonly onProgress: (tx: Transaction, sagaId: string, progress: never) => Promise<void>;
}

/** The kinds of saga that an engine knows, by name and version. */
export interface Catalog {
  readonly definitions: readonly AnyDefinition[];
  find(name: string, version: number): AnyDefinition | undefined;
}

/** Makes a catalog; throws for definitions that have the same name and version or have no steps. */
export function createCatalog(definitions: readonly AnyDefinition[]): Catalog {
  const byKey = new Map<string, AnyDefinition>();
  for (const definition of definitions) {
    const key = keyOf(definition.name, definition.version);
    if (byKey.has(key)) throw new Error(`the saga ${key} is defined twice; give one of them another version`);
    checkSteps(key, definition.steps);
    byKey.set(key, definition);
  }
  return { definitions, find: (name, version) => byKey.get(keyOf(name, version)) };
}

function checkSteps(key: string, steps: readonly AnyStep[]): void {
  if (steps.length === 0) throw new Error(`the saga ${key} has no steps`);
  const names = new Set(steps.map((step) => step.name));
  if (names.size !== steps.length) throw new Error(`the saga ${key} has two steps of one name; names make request ids`);
}

function keyOf(name: string, version: number): string {
  return `${name} v${version}`;
}

/** Reports to the owner of what the saga is about, in the transaction that records it. */
export async function report(
  tx: Transaction,
  definition: AnyDefinition,
  saga: StoredSaga,
  reports: readonly SagaReport[],
): Promise<void> {
  for (const each of reports) {
    // The saga was begun with this definition, so its data has this definition's type.
    await definition.onProgress(tx, saga.id, progressOf(each, saga) as never);
  }
}

function progressOf(report: SagaReport, { record, data }: StoredSaga): SagaProgress<unknown> {
  switch (report.at) {
    case 'step-done':
      return { at: report.at, step: stepAt(record, report.step).name, data };
    case 'needs-attention':
      return { at: report.at, step: stepAt(record, report.step).name, failure: failureOf(record.failure), data };
    case 'completed':
      return { at: report.at, data };
    case 'compensating':
    case 'compensated':
      return { at: report.at, failure: failureOf(record.failure), data };
  }
}

function failureOf(failure: SagaFailure | undefined): SagaFailure {
  if (!failure) throw new Error('a saga that turned back has no failure: its record is damaged');
  return failure;
}
