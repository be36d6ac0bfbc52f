import { invalidRequest } from '../errors/errors.ts';
import { uuidv7 } from '../ids/ids.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { runInScope } from '../telemetry/call-scope.ts';
import type { Logger } from '../telemetry/logger.ts';
import { continueTrace } from '../telemetry/trace-context.ts';
import type { Clock } from '../time/clock.ts';
import { sleep } from '../time/sleep.ts';
import type { Audit, AuditCheck, AuditReport, CheckFinding, CheckResult } from './audit.ts';
import { runAudit } from './run-audit.ts';

/** The findings of an audit that are kept. */
const maxFindings = 100;

export interface AuditorOptions {
  /** Their names are unique. */
  readonly checks: readonly AuditCheck[];
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The wait before each background audit; 0: no background audits. */
  readonly intervalMs: number;
}

/** Runs the checks of a process, on demand and in the background. */
export interface Auditor {
  /**
   * Runs the checks with these names, or all if there are none, and yields what they find. Throws what `signal` aborts
   * with, and INVALID_ARGUMENT `INVALID_FIELD` for unknown names.
   */
  run(names: readonly string[], signal: AbortSignal): AsyncGenerator<AuditReport>;
  /** Returns the last audit of all checks that finished, on demand or in the background. */
  last(): Audit | undefined;
  /** Starts background audits. */
  start(): void;
  /** Stops them, including the one in progress. */
  stop(): Promise<void>;
}

/** Creates the auditor. Its metrics show the last audit of all checks, on demand or in the background. */
export function createAuditor({ checks, metrics, clock, logger, intervalMs }: AuditorOptions): Auditor {
  const gauges = createAuditMetrics(metrics, checks);
  const stopping = new AbortController();
  let last: Audit | undefined;
  let running: Promise<void> | undefined;

  async function* run(names: readonly string[], signal: AbortSignal): AsyncGenerator<AuditReport, void, undefined> {
    const chosen = choose(checks, names);
    const all = chosen.length === checks.length;
    const startMs = clock.now();
    const results: CheckResult[] = [];
    const findings: CheckFinding[] = [];
    for await (const report of runAudit(chosen, { clock, logger, signal })) {
      if (report.kind === 'finding') {
        const { check, reason, ids, message } = report.finding;
        logger.error({ check, reason, ids }, `audit found a fault: ${message}`);
        if (findings.length < maxFindings) findings.push(report.finding);
      } else {
        results.push(report.result);
        if (all) gauges.checkEnded(report.result);
      }
      yield report;
    }
    if (!all) return;
    last = { startMs, endMs: clock.now(), results, findings };
    gauges.auditEnded(last.endMs);
  }

  async function auditAll(signal: AbortSignal): Promise<void> {
    const startMs = clock.now();
    let [ended, found] = [0, 0];
    for await (const report of run([], signal)) {
      if (report.kind !== 'result') continue;
      ended += 1;
      found += report.result.findings;
    }
    logger.info({ checks: ended, findings: found, took_ms: clock.now() - startMs }, 'audit finished');
  }

  async function repeat(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(clock, intervalMs, signal);
      if (signal.aborted) return;
      const scope = { requestId: uuidv7(), traceparent: continueTrace(undefined), deadlineMs: undefined, signal };
      try {
        await runInScope(scope, () => auditAll(signal));
      } catch (error) {
        if (!signal.aborted) logger.error({ err: error }, 'audit failed');
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

/** Returns the checks with these names, in their own order; all if there are no names. */
function choose(checks: readonly AuditCheck[], names: readonly string[]): readonly AuditCheck[] {
  const known = checks.map(({ name }) => name);
  const violations = names.flatMap((name, index) => {
    if (known.includes(name)) return [];
    return [{ field: `checks[${index}]`, description: `must be one of ${known.join(', ')}` }];
  });
  if (violations.length > 0) throw invalidRequest(violations);
  return names.length === 0 ? checks : checks.filter(({ name }) => names.includes(name));
}

interface AuditMetrics {
  checkEnded(result: CheckResult): void;
  auditEnded(endMs: number): void;
}

/** All are 0 before the first audit. */
function createAuditMetrics(metrics: Metrics, checks: readonly AuditCheck[]): AuditMetrics {
  const help = 'How much a check found when it last ran: things that are not as they have to be.';
  const findings = metrics.gauge('ordermesh_audit_findings', help, ['check']);
  const failed = metrics.gauge(
    'ordermesh_audit_check_failed',
    'Whether a check could not be finished when it last ran (1), or was (0).',
    ['check'],
  );
  const end = metrics.gauge(
    'ordermesh_audit_last_end_time_seconds',
    'When the last audit of all checks ended, in seconds since 1970-01-01T00:00:00Z; 0 before the first.',
    [],
  );
  end.set({}, 0);
  for (const { name: check } of checks) {
    findings.set({ check }, 0);
    failed.set({ check }, 0);
  }
  return {
    checkEnded({ name: check, findings: found, error }) {
      failed.set({ check }, error === undefined ? 0 : 1);
      // A check that failed has found at least these; that it found nothing is not known.
      if (error === undefined || found > 0) findings.set({ check }, found);
    },
    auditEnded: (endMs) => end.set({}, endMs / 1_000),
  };
}
