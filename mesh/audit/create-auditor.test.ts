import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Metrics } from '../metrics/metrics.ts';
import { createPrometheusMetrics } from '../metrics/prometheus/prometheus-metrics.ts';
import { currentScope } from '../telemetry/call-scope.ts';
import { type CapturedLog, captureLog } from '../testing/captured-log.ts';
import { eventually } from '../testing/eventually.ts';
import { createTestClock, type TestClock } from '../testing/test-clock.ts';
import type { AuditCheck, Finding } from './audit.ts';
import { type BackgroundAudits, createProcessAudits } from './background-audits.ts';
import type { Auditor } from './create-auditor.ts';

const always = new AbortController().signal;

describe('an auditor', () => {
  let clock: TestClock;
  let log: CapturedLog;
  let metrics: Metrics;
  let audits: BackgroundAudits;
  let auditor: Auditor;
  let faults: Finding[];
  let failure: Error | undefined;
  let requestIds: (string | undefined)[];

  const accounts: AuditCheck = {
    name: 'payment/accounts',
    async *run(progress) {
      requestIds.push(currentScope()?.requestId);
      progress.examined(7);
      yield* faults;
      if (failure) throw failure;
    },
  };
  const other: AuditCheck = {
    name: 'other',
    async *run(progress) {
      progress.examined(1);
      yield* [];
    },
  };

  beforeEach(() => {
    clock = createTestClock();
    log = captureLog();
    faults = [];
    failure = undefined;
    requestIds = [];
    metrics = createPrometheusMetrics({ clock, logger: log.logger });
    audits = create();
    auditor = audits.auditor;
  });
  afterEach(() => audits.stop(1_000));

  const create = (checks = [accounts, other], intervalMs = 1_000) =>
    createProcessAudits({ service: 'payment', checks, metrics, clock, logger: log.logger, intervalMs });
  const faultsOf = (...ids: string[]): Finding[] =>
    ids.map((id) => ({ reason: 'BALANCE_DIFFERS', ids: [id], message: `${id} differs` }));
  const run = (...names: string[]) => Array.fromAsync(auditor.run(names, always));
  const ended = (endMs: number) => eventually(async () => expect((await auditor.last())?.endMs).toBe(endMs));
  const values = async () => {
    // A reading is kept for a second.
    clock.advance(1_000);
    const { text } = await metrics.scrape();
    return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  };

  it('runs all checks after each interval and keeps the last audit', async () => {
    expect(await auditor.last()).toBeUndefined();
    await audits.start();
    const startMs = clock.now();
    clock.advance(999);
    expect(requestIds).toHaveLength(0);
    clock.advance(1);
    await ended(startMs + 1_000);
    faults = faultsOf('ada');
    clock.advance(1_000);
    await ended(startMs + 2_000);
    expect(await auditor.last()).toMatchObject({
      startMs: startMs + 2_000,
      endMs: startMs + 2_000,
      results: [
        { name: 'payment/accounts', examined: 7, findings: 1, durationMs: 0, error: undefined },
        { name: 'other', examined: 1, findings: 0, durationMs: 0, error: undefined },
      ],
      findings: [{ check: 'payment/accounts', reason: 'BALANCE_DIFFERS', ids: ['ada'], message: 'ada differs' }],
    });
  });

  it('logs each fault as an error, and the end of the audit', async () => {
    faults = faultsOf('ada', 'tom');
    await audits.start();
    clock.advance(1_000);
    await eventually(() => expect(log.lines).toHaveLength(3));
    const fault = { level: 'error', check: 'payment/accounts', reason: 'BALANCE_DIFFERS' };
    expect(log.lines).toMatchObject([
      { ...fault, ids: ['ada'], msg: 'audit found a fault: ada differs' },
      { ...fault, ids: ['tom'], msg: 'audit found a fault: tom differs' },
      { level: 'info', checks: 2, findings: 2, took_ms: 0 },
    ]);
  });

  it('keeps the first 100 faults and counts all of them', async () => {
    faults = faultsOf(...Array.from({ length: 150 }, (_, index) => `account-${index}`));
    await audits.start();
    clock.advance(1_000);
    const last = await eventually(async () => (await auditor.last()) ?? expect.fail('no audit yet'));
    expect(last.findings).toHaveLength(100);
    expect(last.findings.at(-1)?.ids).toEqual(['account-99']);
    expect(last.results[0]?.findings).toBe(150);
  });

  it('keeps an audit of all checks on demand, and none of some checks', async () => {
    faults = faultsOf('ada');
    await run('other');
    expect(await auditor.last()).toBeUndefined();
    await run();
    expect(await auditor.last()).toMatchObject({
      results: [{ name: 'payment/accounts', findings: 1 }, { name: 'other' }],
      findings: [{ ids: ['ada'] }],
    });
  });

  it('gives each background audit its own request id', async () => {
    await audits.start();
    for (const count of [1, 2]) {
      clock.advance(1_000);
      await eventually(() => expect(requestIds).toHaveLength(count));
      await eventually(() => expect(clock.pendingMs()).toEqual([1_000]));
    }
    expect(new Set(requestIds).size).toBe(2);
    expect(requestIds).not.toContain(undefined);
  });

  it('continues after an audit with a failed check', async () => {
    failure = new Error('disk');
    await audits.start();
    clock.advance(1_000);
    await eventually(async () => expect((await auditor.last())?.results[0]?.error).toContain('unexpectedly'));
    failure = undefined;
    clock.advance(1_000);
    await eventually(async () => expect((await auditor.last())?.results[0]?.error).toBeUndefined());
  });

  it('runs no background audits if the interval is 0', async () => {
    audits = create([accounts], 0);
    await audits.start();
    expect(clock.pendingMs()).toEqual([]);
  });

  it('stops immediately, even during an audit', async () => {
    const begun = Promise.withResolvers<void>();
    const long: AuditCheck = {
      name: 'long',
      async *run(_, signal) {
        begun.resolve();
        await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        yield* faults;
      },
    };
    audits = create([long]);
    auditor = audits.auditor;
    await audits.start();
    clock.advance(1_000);
    await begun.promise;
    await audits.stop(1_000);
    expect(await auditor.last()).toBeUndefined();
    expect(clock.pendingMs()).toEqual([]);
    expect(log.lines).toEqual([]);
  });

  it('runs the requested checks once each, and refuses unknown names', async () => {
    expect(await run('other', 'other')).toMatchObject([{ result: { name: 'other' } }]);
    await expect(run('other', 'others')).rejects.toMatchObject({
      reason: 'INVALID_FIELD',
      violations: [{ field: 'checks[1]', description: 'must be one of payment/accounts, other' }],
    });
  });

  it('shows the last audit of all checks in its metrics, on demand or in the background', async () => {
    expect(await values()).toEqual([
      'ordermesh_audit_findings{check="payment/accounts"} 0',
      'ordermesh_audit_findings{check="other"} 0',
      'ordermesh_audit_check_failed{check="payment/accounts"} 0',
      'ordermesh_audit_check_failed{check="other"} 0',
      'ordermesh_audit_last_end_time_seconds{service="payment"} 0',
    ]);
    faults = faultsOf('ada', 'tom');
    const endMs = clock.now();
    await run();
    expect(await values()).toEqual([
      'ordermesh_audit_findings{check="payment/accounts"} 2',
      'ordermesh_audit_findings{check="other"} 0',
      'ordermesh_audit_check_failed{check="payment/accounts"} 0',
      'ordermesh_audit_check_failed{check="other"} 0',
      `ordermesh_audit_last_end_time_seconds{service="payment"} ${endMs / 1_000}`,
    ]);
  });

  it('does not report a failed check as one without findings', async () => {
    faults = faultsOf('ada');
    await run();
    faults = [];
    failure = new Error('disk');
    await run();
    expect(await values()).toContain('ordermesh_audit_findings{check="payment/accounts"} 1');
    expect(await values()).toContain('ordermesh_audit_check_failed{check="payment/accounts"} 1');
  });

  it('does not change its metrics for an audit of some checks, or one that is not read to its end', async () => {
    await run('other');
    for await (const report of auditor.run([], always)) {
      expect(report.kind).toBe('result');
      break;
    }
    expect(await values()).toContain('ordermesh_audit_last_end_time_seconds{service="payment"} 0');
  });
});
