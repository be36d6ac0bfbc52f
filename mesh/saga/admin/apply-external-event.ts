import type { Transaction } from '../../storage/storage.ts';
import { decide, type SagaEvent } from '../decide/decide.ts';
import { reportsOf } from '../decide/decision.ts';
import { type RetryPolicy, randomJitter } from '../decide/retry-delay.ts';
import { type Definitions, definitionChange } from '../definitions.ts';
import { sagaNotDefined, unknownSaga } from '../errors.ts';
import { reportProgress } from '../report-progress.ts';
import type { AnyDefinition } from '../saga.ts';
import type { StoredSaga } from '../store/saga-table.ts';
import { selectSaga, updateExternally } from '../store/saga-table.ts';

/** A change of a saga by someone other than its driver. */
export interface ExternalChange {
  readonly event: SagaEvent;
  readonly note?: string;
}

/** With what sagas are changed from outside, and when. */
export interface ExternalContext {
  readonly definitions: Definitions;
  readonly retry: RetryPolicy;
  /** By the clock of the database. */
  readonly nowMs: number;
  /** By its aging clock. */
  readonly agedMs: number;
}

/**
 * Changes a saga that may be driven at the same time: its driver sees the change at its next write. `choose` receives the
 * current saga and returns what to change, if anything, or throws. Returns the saga as it is then. Throws NOT_FOUND
 * `UNKNOWN_SAGA`, and FAILED_PRECONDITION `SAGA_NOT_DEFINED` if this process does not know its definition or
 * `SAGA_DEFINITION_CHANGED` if it knows another one of that version.
 */
export async function applyExternalEvent(
  tx: Transaction,
  { definitions, retry, nowMs, agedMs }: ExternalContext,
  id: string,
  choose: (saga: StoredSaga, definition: AnyDefinition) => ExternalChange | undefined,
): Promise<StoredSaga> {
  for (;;) {
    const saga = await selectSaga(tx, id);
    if (!saga) throw unknownSaga({ id });
    const definition = definitions.find(saga.name, saga.definitionVersion);
    if (!definition) throw sagaNotDefined({ id, name: saga.name, version: saga.definitionVersion });
    const redefined = definitionChange(definition, saga.record);
    if (redefined) throw redefined;
    const change = choose(saga, definition);
    if (!change) return saga;
    const decision = decide(definition, retry, saga.record, { ...change.event, nowMs, jitter: randomJitter() });
    const next: StoredSaga = {
      ...saga,
      record: decision.record,
      notes: change.note === undefined ? saga.notes : [...saga.notes, change.note],
      revision: saga.revision + 1n,
      updateTimeMs: nowMs,
    };
    if (!(await updateExternally(tx, saga, next, nowMs, agedMs))) continue;
    await reportProgress(tx, definition, next, reportsOf(decision.commands));
    return next;
  }
}
