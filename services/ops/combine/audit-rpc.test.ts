import { type Client, Status } from 'nice-grpc';
import { afterEach, describe, expect, it } from 'vitest';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import type { AuditReport, AuditServiceDefinition } from '#gen/ops/v1/audit.ts';
import { eventually, startMesh, type TestMesh } from '#mesh/testing';
import { opsService } from '../service.ts';
import { createWatchedService, type WatchedService } from '../testing/watched-service.ts';

const nowhere = ['order', 'payment', 'inventory'].map((service) => `${service}=127.0.0.1:1`).join();
const fault = { reason: 'BALANCE_DIFFERS', ids: ['ada', '7'], message: 'the balance of ada differs at 7' };

describe('the audit of a process', () => {
  let mesh: TestMesh | undefined;
  let bank: WatchedService;
  let audits: Client<AuditServiceDefinition>;

  async function start(environment: Record<string, string> = {}): Promise<TestMesh> {
    bank = createWatchedService('bank', []);
    const report = createWatchedService('report', []);
    const settings = { DISCOVERY_URL: `static:${nowhere}`, ...environment };
    mesh = await startMesh([bank.definition, report.definition, opsService], settings);
    audits = mesh.runtime.client(AuditServiceContract);
    return mesh;
  }
  afterEach(() => mesh?.stop());

  const run = async (...checks: string[]): Promise<AuditReport['report'][]> =>
    (await Array.fromAsync(audits.runAudit({ checks }))).map(({ report }) => report);

  it('reports the findings of the requested checks, and how each check ended', async () => {
    await start();
    bank.faults = [fault];
    expect(await run('report/accounts', 'bank/accounts')).toEqual([
      { $case: 'finding', value: { check: 'bank/accounts', ...fault } },
      {
        $case: 'check',
        value: {
          name: 'bank/accounts',
          examined: 3n,
          findings: 1n,
          duration: { seconds: 0n, nanos: expect.any(Number) },
          error: '',
        },
      },
      { $case: 'check', value: expect.objectContaining({ name: 'report/accounts', findings: 0n }) },
    ]);
  });

  it('runs all checks if none is named, and names the processes that it cannot reach', async () => {
    await start();
    const reports = await run();
    expect(reports.map((report) => report?.value)).toMatchObject([
      { name: 'bank/accounts', error: '' },
      { name: 'report/accounts', error: '' },
      { name: 'orders/charges', findings: 0n, error: expect.stringMatching(/^UNAVAILABLE: /) },
      { name: 'orders/reservations', findings: 0n, error: expect.stringMatching(/^UNAVAILABLE: /) },
      { name: 'owners/charges', findings: 0n, error: expect.stringMatching(/^PROCESS_UNREACHABLE: /) },
      { name: 'owners/reservations', findings: 0n, error: expect.stringMatching(/^PROCESS_UNREACHABLE: /) },
      { name: 'storage/integrity', findings: 0n, error: '' },
      { name: 'inventory,order,payment@127.0.0.1:1', error: expect.stringContaining('cannot be reached') },
    ]);
  });

  it.each([
    ['static:', []],
    ['static:order=127.0.0.1:1', []],
    ['static:order=127.0.0.1:1,payment=127.0.0.1:1', ['orders/charges', 'owners/charges']],
  ])('includes the checks of the services that it finds with %s', async (url, across) => {
    await start({ DISCOVERY_URL: url });
    const names = (await run()).flatMap((report) => (report?.$case === 'check' ? report.value.name : []));
    expect(names.filter((name) => !name.includes('@'))).toEqual([
      'bank/accounts',
      'report/accounts',
      ...across,
      'storage/integrity',
    ]);
  });

  it('lists the existing checks when another is requested', async () => {
    await start();
    await expect(run('bank/accounts', 'bank/balances')).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      violations: [
        {
          field: 'checks[1]',
          description:
            'must be one of bank/accounts, report/accounts, orders/charges, orders/reservations, owners/charges, owners/reservations, storage/integrity',
        },
      ],
    });
  });

  it('runs in the background and shows the result', async () => {
    await start({ AUDIT_INTERVAL_MS: '20' });
    bank.faults = [fault];
    const across = ['orders/charges', 'orders/reservations', 'owners/charges', 'owners/reservations'];
    const names = ['bank/accounts', 'report/accounts', ...across, 'storage/integrity'];
    const audit = await eventually(async () => {
      const last = await audits.getLastAudit({});
      expect(last.findings).toHaveLength(1);
      expect(last.checks.map(({ name }) => name)).toEqual(names);
      return last;
    });
    expect(audit.findings).toEqual([{ check: 'bank/accounts', ...fault }]);
    expect(audit.checks[0]).toMatchObject({ examined: 3n, findings: 1n, error: '' });
    expect(audit.endTime?.getTime()).toBeGreaterThanOrEqual(audit.startTime?.getTime() ?? Number.NaN);
  });

  it('reports its metrics', async () => {
    const { runtime } = await start({ AUDIT_INTERVAL_MS: '0' });
    bank.faults = [fault];
    await run();
    const { text } = await runtime.metrics.scrape();
    expect(text).toContain('\nordermesh_audit_findings{check="bank/accounts"} 1\n');
    expect(text).toContain('\nordermesh_audit_findings{check="report/accounts"} 0\n');
    expect(text).toContain('\nordermesh_audit_check_failed{check="report/accounts"} 0\n');
    expect(text).toContain('\nordermesh_audit_check_failed{check="orders/charges"} 1\n');
    for (const service of ['bank', 'ops', 'storage'])
      expect(text).toMatch(new RegExp(`\nordermesh_audit_last_end_time_seconds\\{service="${service}"\\} [1-9]`));
  });

  it('returns NOT_FOUND until the first audit in the background has ended', async () => {
    await start({ AUDIT_INTERVAL_MS: '0' });
    await run('bank/accounts');
    const missing = { code: Status.NOT_FOUND, reason: 'NO_AUDIT_YET' };
    await expect(audits.getLastAudit({})).rejects.toMatchObject(missing);
  });
});
