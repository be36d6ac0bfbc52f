import { invalidRequest } from '../errors/errors.ts';
import { uuidv7 } from '../ids/ids.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { runInScope } from '../telemetry/call-scope.ts';
import type { Logger } from '../telemetry/logger.ts';
import { continueTrace } from '../telemetry/trace-context.ts';
import type { Clock } from '../time/clock.ts';
import { sleep } from '../time/sleep.ts';
import type { Audit, AuditCheck, AuditReport } from './audit.ts';
import { createAuditMetrics } from './audit-metrics.ts';
import { runAudit } from './run-audit.ts';
import { summarize } from './summarize.ts';

export interface AuditorOptions {
  /** Each with a name of its own. */
  readonly checks: readonly AuditCheck[];
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long to wait before each audit in the background; 0: there is none. */
  readonly intervalMs: number;
}

/** Runs the checks of a process, when asked and in the background. */
export interface Auditor {
  /**
   * Runs the checks with these names, all when there are none, and tells what they find. Throws what `signal` aborts with,
   * and INVALID_ARGUMENT `INVALID_FIELD` for names that no check has.
   */
  run(names: readonly string[], signal: AbortSignal): AsyncGenerator<AuditReport>;
  /** How the last audit in the background ended. */
  last(): Audit | undefined;
  /** Begins the audits in the background. */
  start(): void;
  /** Ends them, also the one under way. */
  stop(): Promise<void>;
}

/** Makes the auditor. Its metrics show the last audit of all checks, whoever asked for it. */
export function createAuditor({ checks, metrics, clock, logger, intervalMs }: AuditorOptions): Auditor {
  const gauges = createAuditMetrics(metrics);
  const stopping = new AbortController();
  let last: Audit | undefined;
  let running: Promise<void> | undefined;

  async function* run(names: readonly string[], signal: AbortSignal): AsyncGenerator<AuditReport, void, undefined> {
    const chosen = choose(checks, names);
    const all = chosen.length === checks.length;
    for await (const report of runAudit(chosen, { clock, logger, signal })) {
      if (report.kind === 'finding') {
        const { check, reason, ids, message } = report.finding;
        logger.error({ check, reason, ids }, `the audit found a fault: ${message}`);
      } else if (all) gauges.checkEnded(report.result);
      yield report;
    }
    if (all) gauges.auditEnded(clock.now());
  }

  async function auditAll(signal: AbortSignal): Promise<void> {
    last = await summarize(run([], signal), clock);
    const { startMs, endMs, results } = last;
    const found = results.reduce((sum, { findings }) => sum + findings, 0);
    logger.info({ checks: results.length, findings: found, took_ms: endMs - startMs }, 'the audit has ended');
  }

  async function repeat(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(clock, intervalMs, signal);
      if (signal.aborted) return;
      const scope = { requestId: uuidv7(), traceparent: continueTrace(undefined), deadlineMs: undefined, signal };
      try {
        await runInScope(scope, () => auditAll(signal));
      } catch (error) {
        if (!signal.aborted) logger.error({ err: error }, 'the audit failed');
      }
    }
  }

  return {
    run,
    last: () => last,
    start() {
      if (intervalMs > 0) running ??= repeat(stopping.signal);
    },
    async stop() {
      stopping.abort(new Error('the auditor stops'));
      await running;
    },
  };
}

/** The checks with these names, in their own order; all when there are no names. */
function choose(checks: readonly AuditCheck[], names: readonly string[]): readonly AuditCheck[] {
  const known = checks.map(({ name }) => name);
  const violations = names.flatMap((name, index) => {
    if (known.includes(name)) return [];
    return [{ field: `checks[${index}]`, description: `must be one of ${known.join(', ')}` }];
  });
  if (violations.length > 0) throw invalidRequest(violations);
  return names.length === 0 ? checks : checks.filter(({ name }) => names.includes(name));
}
