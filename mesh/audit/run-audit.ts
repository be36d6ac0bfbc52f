import { MeshError } from '../errors/mesh-error.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import type { AuditCheck, AuditReport } from './audit.ts';
import { untilAborted } from './until-aborted.ts';

/** What an audit runs with. */
export interface AuditContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Runs checks one after another and tells what each finds and how it ended. One that throws ends with its error told, and
 * the others go on. Throws what `signal` aborts with, at most a second after it does.
 */
export async function* runAudit(checks: readonly AuditCheck[], context: AuditContext): AsyncGenerator<AuditReport> {
  for (const check of checks) yield* runCheck(check, context);
}

async function* runCheck(
  check: AuditCheck,
  { clock, logger, signal }: AuditContext,
): AsyncGenerator<AuditReport, void, undefined> {
  const { name } = check;
  const startMs = clock.now();
  let [examined, findings] = [0, 0];
  let error: string | undefined;
  const progress = {
    examined(count: number) {
      examined += count;
    },
  };
  try {
    for await (const finding of untilAborted(check.run(progress, signal), signal, clock)) {
      findings += 1;
      yield { kind: 'finding', finding: { check: name, ...finding } };
    }
  } catch (failure) {
    signal.throwIfAborted();
    error = tell(failure, name, logger);
  }
  yield { kind: 'result', result: { name, examined, findings, durationMs: clock.now() - startMs, error } };
}

/** What failed a check, in words for its caller; what nobody expected is in the log alone. */
function tell(failure: unknown, check: string, logger: Logger): string {
  if (failure instanceof MeshError) {
    logger.warn({ err: failure, check }, 'a check could not be finished');
    return `${failure.reason}: ${failure.message}`;
  }
  logger.error({ err: failure, check }, 'a check failed');
  return 'it failed with something that nobody expected: see the log of the process that ran it';
}
