import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { hasTimedOut, type SagaEvent } from '../decide/decide.ts';
import { stepAt } from '../decide/record.ts';
import type { StoredSaga } from '../store/saga-table.ts';

type FailedCall = Extract<SagaEvent, { readonly step: number; readonly error: unknown }>;

/** Logs what happens to sagas. */
export interface ProgressLog {
  /** After `event` was written, which changed `saga` to `next`. `cause`: the cause of its error, as text. */
  written(saga: StoredSaga, next: StoredSaga, event: SagaEvent, cause?: string): void;
  /** When progress cannot be written, or a saga cannot be driven. */
  heldBack(saga: StoredSaga, error: unknown): void;
  /** When not even that can be written. */
  notHeldBack(saga: StoredSaga, error: unknown): void;
}

/** What an operator has to fix is logged at growing intervals, no matter how many sagas it concerns. */
export function createProgressLog(logger: Logger, clock: Clock): ProgressLog {
  const faults = createFaultLog(logger, clock);
  return {
    written(saga, next, event, cause) {
      if ('step' in event && 'error' in event) logFailedCall(saga, next, event, cause);
      if (next.record.state !== saga.record.state) logState(saga, next);
    },
    heldBack(saga, error) {
      const text = 'saga cannot be written or driven; retrying, fix the cause that the error names';
      faults.error(`held-back ${saga.name}`, { ...fieldsOf(saga), err: error }, text);
    },
    notHeldBack(saga, error) {
      const text = 'saga cannot be marked as waiting; keeping it in memory and retrying';
      faults.error(`not-held-back ${saga.name}`, { ...fieldsOf(saga), err: error }, text);
    },
  };

  function logFailedCall(saga: StoredSaga, next: StoredSaga, event: FailedCall, cause: string | undefined): void {
    if (event.kind === 'step-refused') return;
    const { name: step, attempts, undoAttempts } = stepAt(saga.record, event.step);
    const attempt = event.kind.startsWith('undo') ? undoAttempts : attempts;
    const { waitUntilMs } = next.record;
    const nextAttempt = waitUntilMs === undefined ? undefined : new Date(waitUntilMs).toISOString();
    const tried = { step, attempt, next_attempt: nextAttempt };
    const fields = { ...fieldsOf(saga), event: event.kind, ...tried, ...event.error, cause };
    if (event.kind === 'step-miswired' || event.kind === 'undo-miswired') {
      const text = 'saga step does not reach its service, the mesh is wired wrongly; retrying, fix the wiring';
      faults.error(`${event.kind} ${saga.name} ${step}`, fields, text);
    } else {
      logger.warn(fields, 'saga step failed');
    }
  }

  function logState(saga: StoredSaga, { record }: StoredSaga): void {
    const { state, failure } = record;
    const fields = fieldsOf(saga);
    if (state === 'needs-attention') {
      const stuck = record.steps.find((step) => step.state === 'stuck');
      const why = { step: stuck?.name, last_error: stuck?.lastError };
      logger.error({ ...fields, ...why }, 'saga needs attention; fix the cause and retry it, or resolve it');
    }
    if (state === 'completed') logger.debug(fields, 'saga completed');
    else if (state === 'compensating' || state === 'compensated') {
      const begins = saga.record.state === 'running';
      const text = state === 'compensated' ? 'saga compensated' : 'saga compensating';
      logger[begins && hasTimedOut(record) ? 'error' : 'info']({ ...fields, failure }, text);
    }
  }
}

function fieldsOf({ name, id, subjectId }: StoredSaga) {
  return { saga: name, saga_id: id, subject_id: subjectId };
}

/** Logs faults that last until somebody fixes them, without a line for each occurrence. */
export interface FaultLog {
  /** Logs the first fault of a kind, then one after 1 s, 2 s, … 5 min, with the number of those not logged (`left_out`). */
  error(kind: string, fields: Readonly<Record<string, unknown>>, message: string): void;
}

const firstGapMs = 1_000;
const longestGapMs = 300_000;

interface Seen {
  readonly loggedMs: number;
  readonly gapMs: number;
  readonly leftOut: number;
}

/** The kinds have to be few: each is kept in memory. */
export function createFaultLog(logger: Logger, clock: Clock): FaultLog {
  const seenByKind = new Map<string, Seen>();
  return {
    error(kind, fields, message) {
      const nowMs = clock.elapsedMs();
      const seen = seenByKind.get(kind);
      const sinceMs = seen ? nowMs - seen.loggedMs : Number.POSITIVE_INFINITY;
      if (seen && sinceMs < seen.gapMs) {
        seenByKind.set(kind, { ...seen, leftOut: seen.leftOut + 1 });
        return;
      }
      const gapMs = seen && sinceMs < 2 * longestGapMs ? Math.min(seen.gapMs * 2, longestGapMs) : firstGapMs;
      seenByKind.set(kind, { loggedMs: nowMs, gapMs, leftOut: 0 });
      logger.error(seen?.leftOut ? { ...fields, left_out: seen.leftOut } : fields, message);
    },
  };
}
