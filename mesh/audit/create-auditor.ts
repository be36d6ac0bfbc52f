import { invalidRequest } from '../errors/errors.ts';
import { uuidv7 } from '../ids/ids.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { readSeldom } from '../metrics/read-seldom.ts';
import { runInScope } from '../telemetry/call-scope.ts';
import type { Logger } from '../telemetry/logger.ts';
import { continueTrace } from '../telemetry/trace-context.ts';
import type { Clock } from '../time/clock.ts';
import type { Audit, AuditCheck, AuditReport, AuditStore, CheckFinding, CheckResult, KeptAudit } from './audit.ts';
import { runAudit } from './run-audit.ts';

/** The findings of an audit that are kept. */
export const maxFindings = 100;

export interface AuditorOptions {
  /** Whose checks they are: `payment`. */
  readonly service: string;
  /** Their names are unique. */
  readonly checks: readonly AuditCheck[];
  readonly store: AuditStore;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Runs checks. */
export interface Auditor {
  /** The names of its checks. */
  readonly checks: readonly string[];
  /**
   * Runs the checks with these names, or all if there are none, and yields what they find. Throws what `signal` aborts
   * with, and INVALID_ARGUMENT `INVALID_FIELD` for unknown names.
   */
  run(names: readonly string[], signal: AbortSignal): AsyncGenerator<AuditReport>;
  /** Returns the last audit of all checks that finished, on demand or in the background, on any instance. */
  last(): Promise<Audit | undefined>;
}

/** The auditor of one service. */
export interface ServiceAuditor extends Auditor {
  /** Runs all checks in a scope of its own, for the log. */
  auditAll(signal: AbortSignal): Promise<void>;
}

/** Creates the auditor of a service. Its metrics show the last audit of all checks. */
export function createAuditor(options: AuditorOptions): ServiceAuditor {
  const { service, checks, store, metrics, clock, logger } = options;
  const known = checks.map(({ name }) => name);
  measureAudits(metrics, options);

  async function* run(names: readonly string[], signal: AbortSignal): AsyncGenerator<AuditReport, void, undefined> {
    refuseUnknown(names, known);
    const chosen = names.length === 0 ? checks : checks.filter(({ name }) => names.includes(name));
    const startMs = clock.now();
    const results: CheckResult[] = [];
    const findings: CheckFinding[] = [];
    for await (const report of runAudit(chosen, { clock, logger, signal })) {
      if (report.kind === 'result') results.push(report.result);
      else {
        const { check, reason, ids, message } = report.finding;
        logger.error({ check, reason, ids }, `audit found a fault: ${message}`);
        if (findings.length < maxFindings) findings.push(report.finding);
      }
      yield report;
    }
    if (names.length === 0) await keep({ startMs, endMs: clock.now(), results, findings });
  }

  /** What was found is reported already, so a store that is away fails no audit. */
  async function keep(audit: Audit): Promise<void> {
    try {
      const before = await store.last();
      const found = audit.results.map(({ name, findings, error }) => {
        // A check that failed has found at least these; that it found nothing is not known.
        const isKnown = error === undefined || findings > 0;
        return [name, isKnown ? findings : (before?.known[name] ?? 0)] as const;
      });
      await store.keep({ ...audit, known: Object.fromEntries(found) });
    } catch (error) {
      logger.warn({ err: error, service }, 'the result of an audit could not be stored');
    }
  }

  async function auditAll(signal: AbortSignal): Promise<void> {
    const startMs = clock.now();
    let [ended, found] = [0, 0];
    for await (const report of run([], signal)) {
      if (report.kind !== 'result') continue;
      ended += 1;
      found += report.result.findings;
    }
    logger.info({ service, checks: ended, findings: found, took_ms: clock.now() - startMs }, 'audit finished');
  }

  return {
    checks: known,
    run,
    last: () => store.last(),
    async auditAll(signal) {
      const scope = { requestId: uuidv7(), traceparent: continueTrace(undefined), deadlineMs: undefined, signal };
      await runInScope(scope, () => auditAll(signal));
    },
  };
}

/** Keeps the last audit in this process. */
export function createMemoryAuditStore(): AuditStore {
  let last: KeptAudit | undefined;
  return {
    last: async () => last,
    async keep(audit) {
      last = audit;
    },
  };
}

/** Combines auditors with different checks. `auditors` is called when an audit begins. */
export function combineAuditors(auditors: () => readonly Auditor[]): Auditor {
  const namesOf = () => auditors().flatMap(({ checks }) => checks);
  return {
    get checks() {
      return namesOf();
    },
    async *run(names, signal) {
      refuseUnknown(names, namesOf());
      for (const auditor of auditors()) {
        const its = names.filter((name) => auditor.checks.includes(name));
        if (names.length === 0 || its.length > 0) yield* auditor.run(its, signal);
      }
    },
    async last() {
      const found = await Promise.all(auditors().map((auditor) => auditor.last()));
      const lasts = found.filter((audit) => audit !== undefined);
      if (lasts.length === 0) return undefined;
      return {
        startMs: Math.min(...lasts.map(({ startMs }) => startMs)),
        endMs: Math.max(...lasts.map(({ endMs }) => endMs)),
        results: lasts.flatMap(({ results }) => results),
        findings: lasts.flatMap(({ findings }) => findings).slice(0, maxFindings),
      };
    },
  };
}

function refuseUnknown(names: readonly string[], known: readonly string[]): void {
  const violations = names.flatMap((name, index) => {
    if (known.includes(name)) return [];
    return [{ field: `checks[${index}]`, description: `must be one of ${known.join(', ')}` }];
  });
  if (violations.length > 0) throw invalidRequest(violations);
}

/** All are 0 before the first audit. They are read from the store, so all instances show the same. */
function measureAudits(metrics: Metrics, { service, checks, store, clock }: AuditorOptions): void {
  const read = readSeldom(() => store.last(), clock);
  const names = checks.map(({ name }) => name);
  metrics
    .gauge(
      'ordermesh_audit_findings',
      'How much a check found when it last ran: things that are not as they have to be.',
      ['check'],
    )
    .collect(async () => {
      const last = await read();
      return names.map((check) => ({ labels: { check }, value: last?.known[check] ?? 0 }));
    });
  metrics
    .gauge('ordermesh_audit_check_failed', 'Whether a check could not be finished when it last ran (1), or was (0).', [
      'check',
    ])
    .collect(async () => {
      const last = await read();
      const failed = new Set(last?.results.flatMap(({ name, error }) => (error === undefined ? [] : [name])));
      return names.map((check) => ({ labels: { check }, value: failed.has(check) ? 1 : 0 }));
    });
  metrics
    .gauge(
      'ordermesh_audit_last_end_time_seconds',
      'When the last audit of all checks of a service ended, in seconds since 1970-01-01T00:00:00Z; 0 before the first.',
      ['service'],
    )
    .collect(async () => [{ labels: { service }, value: ((await read())?.endMs ?? 0) / 1_000 }]);
}
