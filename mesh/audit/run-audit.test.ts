import { Status } from 'nice-grpc-common';
import { beforeEach, describe, expect, it } from 'vitest';
import { MeshError } from '../errors/mesh-error.ts';
import { type CapturedLog, captureLog } from '../testing/captured-log.ts';
import { eventually } from '../testing/eventually.ts';
import { measureTurns } from '../testing/measure-turns.ts';
import { createTestClock, type TestClock } from '../testing/test-clock.ts';
import type { AuditCheck, AuditReport, Finding } from './audit.ts';
import { runAudit } from './run-audit.ts';

const fault: Finding = { reason: 'BALANCE_DIFFERS', ids: ['ada'], message: 'the balance of "ada" differs' };

describe('an audit', () => {
  let clock: TestClock;
  let log: CapturedLog;
  let call: AbortController;

  beforeEach(() => {
    clock = createTestClock();
    log = captureLog();
    call = new AbortController();
  });

  const run = (...checks: AuditCheck[]): AsyncGenerator<AuditReport> => {
    return runAudit(checks, { clock, logger: log.logger, signal: call.signal });
  };
  const check = (name: string, body: AuditCheck['run']): AuditCheck => ({ name, run: body });
  const quiet = (name: string) =>
    check(name, async function* (progress) {
      progress.examined(1);
      yield* [];
    });

  it('yields the first 1,000 findings of a check, counts the others, and lets calls through', async () => {
    const many = check('payment/charges', async function* () {
      for (let count = 0; count < 20_000; count += 1) {
        const endMs = performance.now() + 0.02;
        while (performance.now() < endMs);
        yield fault;
      }
    });
    let reports: AuditReport[] = [];
    const { totalMs, longestMs } = await measureTurns(async () => {
      reports = await Array.fromAsync(run(many));
    });
    expect(longestMs).toBeLessThan(totalMs / 10);
    expect(reports).toHaveLength(1_001);
    expect(reports.at(-1)).toMatchObject({ kind: 'result', result: { findings: 20_000 } });
  });

  it('yields the findings and the result of each check, one after another', async () => {
    const accounts = check('payment/accounts', async function* (progress) {
      progress.examined(2);
      clock.advance(40);
      yield fault;
      progress.examined(3);
    });
    expect(await Array.fromAsync(run(accounts, quiet('orders/charges')))).toEqual([
      { kind: 'finding', finding: { check: 'payment/accounts', ...fault } },
      {
        kind: 'result',
        result: { name: 'payment/accounts', examined: 5, findings: 1, durationMs: 40, error: undefined },
      },
      {
        kind: 'result',
        result: { name: 'orders/charges', examined: 1, findings: 0, durationMs: 0, error: undefined },
      },
    ]);
    expect(log.lines).toEqual([]);
  });

  it('yields why a check did not finish and what it had found, and continues with the others', async () => {
    const away = check('orders/charges', async function* () {
      yield fault;
      throw new MeshError(Status.UNAVAILABLE, 'CIRCUIT_OPEN', 'the order service is away');
    });
    expect(await Array.fromAsync(run(away, quiet('other')))).toMatchObject([
      { kind: 'finding' },
      { result: { name: 'orders/charges', findings: 1, error: 'CIRCUIT_OPEN: the order service is away' } },
      { result: { name: 'other', error: undefined } },
    ]);
    expect(log.lines).toMatchObject([{ level: 'warn', check: 'orders/charges' }]);
  });

  it('yields no details of an unexpected error, which is logged', async () => {
    const broken = check('broken', () => {
      throw new Error('a secret');
    });
    const [report] = await Array.fromAsync(run(broken));
    expect(report).toMatchObject({ result: { error: expect.stringContaining('see the log') } });
    expect(JSON.stringify(report)).not.toContain('a secret');
    expect(log.lines).toMatchObject([{ level: 'error', check: 'broken', err: { message: 'a secret' } }]);
  });

  it('ends when it is cancelled, after the cleanup of the running check', async () => {
    const begun = Promise.withResolvers<void>();
    let undone = false;
    const rebuilding = check('rebuilding', async function* (_, signal) {
      try {
        begun.resolve();
        await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        yield fault;
      } finally {
        await new Promise(setImmediate);
        undone = true;
      }
    });
    const reports = Array.fromAsync(run(rebuilding, quiet('other')));
    await begun.promise;
    call.abort(new Error('the call ended'));
    await expect(reports).rejects.toThrow('the call ended');
    expect(undone).toBe(true);
    expect(clock.pendingMs()).toEqual([]);
    expect(log.lines).toEqual([]);
  });

  it('abandons a check that continues for a second after it was cancelled', async () => {
    const begun = Promise.withResolvers<void>();
    const deaf = check('deaf', async function* () {
      begun.resolve();
      await new Promise(() => undefined);
      yield fault;
    });
    const reports = Array.fromAsync(run(deaf, quiet('other')));
    await begun.promise;
    call.abort(new Error('the call ended'));
    await eventually(() => expect(clock.pendingMs()).toEqual([1_000]));
    clock.advance(1_000);
    await expect(reports).rejects.toThrow('the call ended');
  });

  it('begins no check if it was cancelled before', async () => {
    call.abort(new Error('the call ended'));
    const never = check('never', async function* () {
      yield expect.fail('it was begun');
    });
    await expect(Array.fromAsync(run(never))).rejects.toThrow('the call ended');
  });

  it('ends the running check when its reader stops', async () => {
    let ended = false;
    const endless = check('endless', async function* () {
      try {
        for (;;) yield fault;
      } finally {
        ended = true;
      }
    });
    for await (const report of run(endless)) {
      expect(report.kind).toBe('finding');
      break;
    }
    expect(ended).toBe(true);
  });
});
