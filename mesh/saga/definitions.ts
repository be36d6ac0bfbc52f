import type { Transaction } from '../storage/storage.ts';
import type { SagaReport } from './decide/decision.ts';
import { stepAt } from './decide/record.ts';
import type { AnyDefinition, SagaFailure, SagaProgress } from './saga.ts';
import type { StoredSaga } from './store/stored-saga.ts';

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

function checkSteps(key: string, steps: AnyDefinition['steps']): void {
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
    await definition.report(tx, progressOf(each, definition, saga) as SagaProgress<never>);
  }
}

function progressOf(report: SagaReport, definition: AnyDefinition, saga: StoredSaga): SagaProgress<unknown> {
  const { id: sagaId, data, record } = saga;
  switch (report.at) {
    case 'step-done': {
      const { name: step } = stepAt(record, report.step);
      return { sagaId, at: report.at, step, reached: definition.steps[report.step]?.reaches, data };
    }
    case 'needs-attention': {
      const { name: step } = stepAt(record, report.step);
      return { sagaId, at: report.at, step, failure: failureOf(record.failure), data };
    }
    case 'completed':
      return { sagaId, at: report.at, data };
    case 'compensating':
    case 'compensated':
      return { sagaId, at: report.at, failure: failureOf(record.failure), data };
  }
}

function failureOf(failure: SagaFailure | undefined): SagaFailure {
  if (!failure) throw new Error('a saga that compensates has no failure: its record is damaged');
  return failure;
}
