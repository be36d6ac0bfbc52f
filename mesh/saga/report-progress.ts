import type { Transaction } from '../storage/storage.ts';
import type { SagaReport } from './decide/decision.ts';
import { stepAt } from './decide/record.ts';
import type { AnyDefinition, SagaFailure, SagaProgress } from './saga.ts';
import type { StoredSaga } from './store/saga-table.ts';

/** Reports to the owner of the subject, in the transaction that records the progress. */
export async function reportProgress(
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
