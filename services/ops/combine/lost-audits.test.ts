import { describe, expect, it } from 'vitest';
import type { AuditReport } from '#gen/ops/v1/audit.ts';
import { MeshError, Status } from '#mesh';
import type { OpsPart } from '../ops-part.ts';
import { fakeCall, fakePart, viewsOf } from '../testing/fake-parts.ts';
import { createAuditRpc } from './audit-rpc.ts';

type RunAudit = OpsPart['runAudit'];

function failing(code: Status, message: string): RunAudit {
  // biome-ignore lint/correctness/useYield: it fails
  return async function* (): AsyncGenerator<AuditReport> {
    throw new MeshError(code, 'FAILED', message);
  };
}

/** A process with these checks of its services. Returns also which of them it was asked for. */
function process(address: string, names: readonly string[], fails?: RunAudit) {
  const asked: (readonly string[])[] = [];
  const runAudit: RunAudit = async function* (wanted, call) {
    asked.push(wanted);
    if (fails) yield* fails(wanted, call);
    for (const name of wanted.length === 0 ? names : wanted)
      yield { report: { $case: 'check', value: { name, error: '' } as never } };
  };
  const listChecks = async () => names.map((name) => ({ name, ofProcess: false }));
  return { asked, part: fakePart(address, { listChecks, runAudit }) };
}

const lost = failing(Status.UNAVAILABLE, 'it is lost');

/** Audits `user`, and `order` whose first process fails. Returns each check with its error. */
async function audit(fails: RunAudit, ...orders: readonly OpsPart[]): Promise<unknown[][]> {
  const first = process('order:1', ['order/a', 'order/new'], fails);
  const views = viewsOf(
    fakePart(undefined, { listChecks: async () => [] }),
    { name: 'order', parts: [first.part, ...orders] },
    { name: 'user', parts: [process('user:1', ['user/b']).part] },
  );
  const reports = await Array.fromAsync(createAuditRpc(views).runAudit({ checks: [] }, fakeCall().call));
  return reports.map(({ report }) =>
    report?.$case === 'check' && report.value ? [report.value.name, report.value.error] : [],
  );
}

describe('an audit whose process is lost', () => {
  it('asks an older process only for the checks that it has, and continues with the other services', async () => {
    const older = process('order:2', ['order/a']);
    expect(await audit(lost, older.part)).toEqual([
      ['order/a', ''],
      ['order/new', 'order@order:1: it is lost'],
      ['user/b', ''],
    ]);
    expect(older.asked).toEqual([['order/a']]);
  });

  it.each([
    ['refuses them', Status.INVALID_ARGUMENT],
    ['does not serve ops.v1', Status.UNIMPLEMENTED],
    ['is lost too', Status.UNAVAILABLE],
  ])('leaves its checks to the next process if one %s', async (_, code) => {
    const second = process('order:2', ['order/a', 'order/new'], failing(code, 'it cannot'));
    const third = process('order:3', ['order/a']);
    expect(await audit(lost, second.part, third.part)).toEqual([
      ['order/a', ''],
      ['order/new', 'order@order:1: it is lost; order@order:2: it cannot'],
      ['user/b', ''],
    ]);
  });

  it('does not repeat checks that fail with a bug at every process', async () => {
    const second = process('order:2', ['order/a', 'order/new'], failing(Status.INTERNAL, 'a bug'));
    const third = process('order:3', ['order/a', 'order/new']);
    const why = 'order@order:1: it is lost; order@order:2: a bug';
    expect(await audit(lost, second.part, third.part)).toEqual([
      ['order/a', why],
      ['order/new', why],
      ['user/b', ''],
    ]);
    expect(await audit(failing(Status.INTERNAL, 'a bug'), third.part)).toContainEqual([
      'order/new',
      'order@order:1: a bug',
    ]);
    expect(third.asked).toEqual([]);
  });
});
