import { describe, expect, it } from 'vitest';
import type { AuditReport } from '#gen/ops/v1/audit.ts';
import type { DeadLetter } from '#gen/ops/v1/ops.ts';
import type { Projection } from '#gen/ops/v1/projection.ts';
import type { Status as MeshStatus } from '#gen/ops/v1/status.ts';
import { MeshError, Status, systemClock } from '#mesh';
import type { OpsPart } from '../ops-part.ts';
import { fakeCall, fakePart, viewsOf } from '../testing/fake-parts.ts';
import { createAuditRpc } from './audit-rpc.ts';
import { createDeadLetterRpc } from './dead-letter-rpc.ts';
import { createProjectionRpc } from './projection-rpc.ts';
import { createStatusRpc } from './status-rpc.ts';

const fails = () => Promise.reject(new MeshError(Status.UNAVAILABLE, 'AWAY', 'it is away'));
const unimplemented = () => Promise.reject(new MeshError(Status.UNIMPLEMENTED, 'UNKNOWN_METHOD', 'no such method'));
const integrity = { name: 'storage/integrity', ofProcess: true };
const letterOf = (id: string) => ({ id }) as DeadLetter;
const group = (name: string, ...parts: readonly OpsPart[]) => ({ name, parts });

function lettersOf(...ids: readonly string[]): Partial<OpsPart> {
  return {
    async *listDeadLetters() {
      yield* ids.map(letterOf);
    },
    redrive: async () => 'changed',
  };
}

const noLetters: Partial<OpsPart> = {
  // biome-ignore lint/correctness/useYield: it fails
  async *listDeadLetters() {
    await fails();
  },
};

describe('processes that do not answer an operator', () => {
  it('do not hide what the others have, even if it is the own process that fails', async () => {
    const views = viewsOf(fakePart(undefined, noLetters), group('order', fakePart('order:1', lettersOf('a'))));
    const { call, missing } = fakeCall();
    const rpc = createDeadLetterRpc(views, systemClock);
    const listed = await Array.fromAsync(rpc.listDeadLetters({ filter: undefined, afterId: '', limit: 0 }, call));
    expect(listed.map(({ id }) => id)).toEqual(['a']);
    expect(missing()).toBe('ops');
  });

  it('fail the call with their error if there is no other process', async () => {
    const rpc = createDeadLetterRpc(viewsOf(fakePart(undefined, noLetters)), systemClock);
    const { call } = fakeCall();
    const listing = Array.fromAsync(rpc.listDeadLetters({ filter: undefined, afterId: '', limit: 0 }, call));
    await expect(listing).rejects.toMatchObject({ reason: 'AWAY' });
  });

  it('keep the response of a redrive by filter from being stored', async () => {
    const views = viewsOf(
      fakePart(undefined, lettersOf()),
      group('order', fakePart('order:1', lettersOf('a'))),
      group('user', fakePart('user:1', noLetters)),
    );
    const { call, missing, stored } = fakeCall();
    const rpc = createDeadLetterRpc(views, systemClock);
    const request = { requestId: 'r', ids: [], filter: { origin: '' }, dryRun: false } as never;
    expect(await rpc.redriveDeadLetters(request, call)).toMatchObject({ redrivenIds: ['a'] });
    expect([missing(), stored()]).toEqual(['user@user:1', 0]);
  });

  it('are named if they serve an older ops.v1, not if they serve none', async () => {
    const listProjections = unimplemented;
    const views = viewsOf(
      fakePart(undefined, { listProjections: async () => [] }),
      group('order', fakePart('order:1', { listProjections })),
      group('mail', fakePart('mail:1', { listProjections, servesOps: async () => false })),
    );
    const { call, missing } = fakeCall();
    await Array.fromAsync(createProjectionRpc(views).listProjections({}, call));
    expect(missing()).toBe('order@order:1');
  });

  it('may have a projection with the same short name', async () => {
    const bank = { name: 'bank/balances' } as Projection;
    const own = fakePart(undefined, {
      listProjections: async () => [bank],
      async *rebuildProjection() {
        yield {} as never;
      },
    });
    const views = viewsOf(own, group('report', fakePart('report:1', { listProjections: fails })));
    const rebuild = (name: string) =>
      Array.fromAsync(
        createProjectionRpc(views).rebuildProjection({ name, dryRun: false, reason: '' }, fakeCall().call),
      );
    await expect(rebuild('balances')).rejects.toMatchObject({ reason: 'PROCESS_UNREACHABLE' });
    expect(await rebuild('bank/balances')).toHaveLength(1);
  });

  it('end an audit with an error even if another process of their services answers', async () => {
    const runAudit = async function* (): AsyncGenerator<AuditReport> {
      yield { report: { $case: 'check', value: { name: integrity.name, error: '' } as never } };
    };
    const answers = { listChecks: async () => [integrity], runAudit };
    const views = viewsOf(
      fakePart(undefined, { ...answers, listChecks: async () => [] }),
      group('order', fakePart('order:1', answers), fakePart('order:2', { listChecks: fails })),
    );
    const reports = await Array.fromAsync(createAuditRpc(views).runAudit({ checks: [] }, fakeCall().call));
    expect(reports.map(({ report }) => report?.value)).toMatchObject([
      { name: 'storage/integrity@order:1', error: '' },
      { name: 'order@order:2', error: 'it is away' },
    ]);
  });

  it('leave the checks of their services to another process, which starts over', async () => {
    const finding = { check: 'order/a', reason: 'DIFFERS', ids: ['1'], message: 'it differs' };
    const reportsOf = (name: string): AuditReport[] => [
      ...(name === 'order/a' ? [{ report: { $case: 'finding' as const, value: finding } }] : []),
      { report: { $case: 'check', value: { name, examined: 1n, findings: 0n, duration: undefined, error: '' } } },
    ];
    const checks = [{ name: 'order/a', ofProcess: false }, { name: 'order/b', ofProcess: false }, integrity];
    const asked: (readonly string[])[] = [];
    const lost = fakePart('order:1', {
      listChecks: async () => checks,
      async *runAudit() {
        yield* reportsOf('order/a').slice(0, 1);
        await fails();
      },
    });
    const other = fakePart('order:2', {
      listChecks: async () => checks,
      async *runAudit(names) {
        asked.push(names);
        for (const name of names) yield* reportsOf(name);
      },
    });
    const own = fakePart(undefined, { listChecks: async () => [] });
    const views = viewsOf(own, group('order', lost, other));
    const reports = await Array.fromAsync(createAuditRpc(views).runAudit({ checks: [] }, fakeCall().call));
    expect(asked).toEqual([['order/a', 'order/b'], ['storage/integrity']]);
    const summaries = reports.map(({ report }) =>
      report?.$case === 'check' ? [report.value?.name, report.value?.error] : report?.value,
    );
    expect(summaries).toEqual([
      finding,
      ['order/a', ''],
      ['order/b', ''],
      ['storage/integrity@order:1', 'order@order:1: it is away'],
      ['storage/integrity@order:2', ''],
    ]);
  });
});

describe('the last audit', () => {
  const auditOf = (endMs: number, ...findings: readonly string[]) => ({
    startTime: new Date(0),
    endTime: new Date(endMs),
    checks: [{ name: 'storage/integrity' } as never],
    findings: findings.map((message) => ({ check: 'storage/integrity', reason: 'CORRUPT', ids: [], message })),
  });
  const audited = (address: string | undefined, endMs: number, ...findings: readonly string[]) =>
    fakePart(address, {
      listChecks: async () => [integrity],
      getLastAudit: async () => auditOf(endMs, ...findings),
      getStatus: async () => ({ ...emptyStatus, lastAudit: auditOf(endMs, ...findings) }),
    });
  const views = viewsOf(
    audited(undefined, 3_000),
    group('user', audited('user:1', 1_000, 'page 7'), audited('user:2', 2_000, 'page 8')),
  );
  const shown = {
    endTime: new Date(1_000),
    findings: [
      { check: 'storage/integrity@user:1', message: 'page 7' },
      { check: 'storage/integrity@user:2', message: 'page 8' },
    ],
  };

  it('has the findings about the files of each process, and the end of the oldest audit', async () => {
    expect(await createAuditRpc(views).getLastAudit({}, fakeCall().call)).toMatchObject(shown);
    const status = await createStatusRpc(views).getStatus({}, fakeCall().call);
    expect(status.lastAudit).toMatchObject(shown);
  });
});

describe('the counts of GetStatus', () => {
  it('add nothing of a second process of a service, and keep sagas with one name of two services', async () => {
    const counted = (address: string | undefined, service: string, count: bigint) =>
      fakePart(address, {
        listChecks: async () => [],
        getStatus: async () => ({
          ...emptyStatus,
          process: { services: [service], pid: Number(count) } as never,
          sagas: [{ name: 'ship-it', state: 1, count, oldestTime: undefined }],
        }),
      });
    const views = viewsOf(
      counted(undefined, 'ops', 1n),
      group('order', counted('order:1', 'order', 2n), counted('order:2', 'order', 3n)),
      group('gift', counted('gift:1', 'gift', 4n)),
    );
    const { sagas } = await createStatusRpc(views).getStatus({}, fakeCall().call);
    expect(sagas?.map(({ count }) => count)).toEqual([1n, 2n, 4n]);
  });
});

const emptyStatus: MeshStatus = {
  process: undefined,
  health: [],
  outboxes: [],
  queues: [],
  consumers: [],
  sagas: [],
  deadLetters: [],
  projections: [],
  lastAudit: undefined,
  disk: undefined,
  unknown: [],
  skippedEvents: [],
  failing: [],
  instances: [],
};
