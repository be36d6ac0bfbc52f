import type { Transaction } from '../../storage/storage.ts';
import { decide, type SagaEvent } from '../decide/decide.ts';
import { reportsOf } from '../decide/decision.ts';
import { type RetryPolicy, randomJitter } from '../decide/retry-delay.ts';
import { definitionChange } from '../definition-change.ts';
import { type Catalog, report } from '../definitions.ts';
import { sagaNotDefined, unknownSaga } from '../errors.ts';
import type { AnyDefinition } from '../saga.ts';
import { selectSaga, updateFromOutside } from '../store/saga-table.ts';
import type { StoredSaga } from '../store/stored-saga.ts';

/** What somebody else than the driver wants of a saga. */
export interface OutsideChange {
  readonly event: SagaEvent;
  readonly note?: string;
}

/**
 * Changes a saga that may be driven at the same time: a driver finds out when it records. `choose` looks at the saga as
 * it is and says what is to be changed, if anything, or throws. Resolves with the saga as it is then. Fails with
 * NOT_FOUND `UNKNOWN_SAGA`, and FAILED_PRECONDITION `SAGA_NOT_DEFINED` when this process does not know its definition, and
 * `SAGA_DEFINITION_CHANGED` when it knows another one of that version.
 */
export async function changeFromOutside(
  tx: Transaction,
  { catalog, retry, nowMs }: { readonly catalog: Catalog; readonly retry: RetryPolicy; readonly nowMs: number },
  id: string,
  choose: (saga: StoredSaga, definition: AnyDefinition) => OutsideChange | undefined,
): Promise<StoredSaga> {
  for (;;) {
    const saga = await selectSaga(tx, id);
    if (!saga) throw unknownSaga({ id });
    const definition = catalog.find(saga.name, saga.definitionVersion);
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
      version: saga.version + 1n,
      updateTimeMs: nowMs,
    };
    if (!(await updateFromOutside(tx, saga, next, nowMs))) continue;
    await report(tx, definition, next, reportsOf(decision.commands));
    return next;
  }
}
