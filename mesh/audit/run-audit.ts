import { MeshError } from '../errors/mesh-error.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { within } from '../time/within.ts';
import { yieldEvery } from '../time/yield-to-event-loop.ts';
import type { AuditCheck, AuditReport } from './audit.ts';

export interface AuditContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** By one check. Each finding is also a line in the log, and the first ones show the cause. */
const maxReported = 1_000;

/**
 * Runs checks one after another. Yields the result and the first 1,000 findings of each; further findings are only counted. A
 * check that throws ends with its error as the result, and the others continue. Throws what `signal` aborts with, at most a
 * second later.
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
  const yieldToOthers = yieldEvery();
  const progress = {
    examined(count: number) {
      examined += count;
    },
  };
  try {
    for await (const finding of untilAborted(check.run(progress, signal), signal, clock)) {
      findings += 1;
      if (findings <= maxReported) yield { kind: 'finding', finding: { check: name, ...finding } };
      await yieldToOthers();
    }
  } catch (failure) {
    signal.throwIfAborted();
    error = describeFailure(failure, name, logger);
  }
  yield { kind: 'result', result: { name, examined, findings, durationMs: clock.now() - startMs, error } };
}

/** Returns the error of a check for its caller. Unexpected errors are only logged. */
function describeFailure(failure: unknown, check: string, logger: Logger): string {
  if (failure instanceof MeshError) {
    logger.warn({ err: failure, check }, 'audit check failed');
    return `${failure.reason}: ${failure.message}`;
  }
  logger.error({ err: failure, check }, 'audit check failed unexpectedly');
  return 'it failed unexpectedly: see the log of the process that ran it';
}

// For its cleanup. A list that ignores the signal is abandoned after that.
const graceMs = 1_000;

/**
 * Yields the elements of a list. When `signal` aborts, it ends the list, waits up to a second for that, and throws what
 * the signal aborted with. When the reader stops, the list ends too.
 */
async function* untilAborted<T>(list: AsyncIterable<T>, signal: AbortSignal, clock: Clock): AsyncGenerator<T> {
  signal.throwIfAborted();
  const iterator = list[Symbol.asyncIterator]();
  const aborted = Promise.withResolvers<undefined>();
  const abort = () => aborted.resolve(undefined);
  signal.addEventListener('abort', abort);
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted.promise]);
      if (!next) break;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    const ended = Promise.allSettled([iterator.return?.()]);
    await (signal.aborted ? within(ended, graceMs, clock).catch(() => undefined) : ended);
  }
  signal.throwIfAborted();
}
