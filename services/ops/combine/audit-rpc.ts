import type { AuditServiceHandlers } from '#gen/ops/v1/audit.contract.ts';
import type { Audit, AuditReport, AvailableCheck } from '#gen/ops/v1/audit.ts';
import { invalidRequest, isRefusal, type MeshCallContext, MeshError } from '#mesh';
import { noAuditYet } from '../errors.ts';
import type { OpsPart } from '../ops-part.ts';
import { labelOf } from '../remote/find-parts.ts';
import { isNotServed, type Unanswered, unreachable, whyOf } from './ask.ts';
import type { MeshView, ViewOf } from './mesh-view.ts';

/** The findings of the last audit that are shown. */
const maxFindings = 100;

/** Implements `ops.v1.AuditService`. Each service is audited by a process that has it. */
export function createAuditRpc(viewOf: ViewOf): AuditServiceHandlers {
  return {
    async listChecks(_request, call) {
      const lists = await viewOf(call).all((part) => part.listChecks(call));
      const checks = new Map(lists.flatMap(({ answer }) => answer.map((check) => [check.name, check])));
      return { checks: [...checks.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1)) };
    },

    async *runAudit({ checks: names }, call) {
      const view = viewOf(call);
      if (view.isAlone && view.others.length === 0) return yield* view.local.runAudit(names, call);
      const { found, unanswered } = await findChecks(view, call);
      requireKnown(names, found, unanswered);
      for (const { part, checks, isAll } of found) {
        const chosen = names.length === 0 ? checks : checks.filter(({ name }) => names.includes(name));
        if (chosen.length > 0) yield* runAt(part, chosen, call, names.length === 0 && isAll);
      }
      // Which checks they have is not known.
      if (names.length === 0) for (const { label, why } of unanswered) yield failedCheck(label, why);
    },

    async getLastAudit(_request, call) {
      const audits = await viewOf(call).all((part) => part.getLastAudit(call));
      const last = combineAudits(audits.flatMap(({ answer }) => answer ?? []));
      if (!last) throw noAuditYet();
      return last;
    },
  };
}

/** Combines the last audits of several processes, from the first start to the last end. Each check is from the first with it. */
export function combineAudits(audits: readonly Audit[]): Audit | undefined {
  if (audits.length === 0) return undefined;
  const times = (of: (audit: Audit) => Date | undefined) => audits.map((audit) => of(audit)?.getTime() ?? 0);
  const listed = new Set<string>();
  const parts = audits.map(({ checks, findings }) => {
    const names = new Set(checks.map(({ name }) => name).filter((name) => !listed.has(name)));
    for (const name of names) listed.add(name);
    return {
      checks: checks.filter(({ name }) => names.has(name)),
      findings: findings.filter(({ check }) => names.has(check)),
    };
  });
  return {
    startTime: new Date(Math.min(...times(({ startTime }) => startTime))),
    endTime: new Date(Math.max(...times(({ endTime }) => endTime))),
    checks: parts.flatMap(({ checks }) => checks),
    findings: parts.flatMap(({ findings }) => findings).slice(0, maxFindings),
  };
}

/** The checks that one process is to run. */
interface ChecksOf {
  readonly part: OpsPart;
  readonly checks: readonly AvailableCheck[];
  /** Whether these are all that it has: their result is then kept. */
  readonly isAll: boolean;
}

/** Returns the checks of each process: those of a service from one of its processes, those of a process from each. */
async function findChecks(
  view: MeshView,
  call: MeshCallContext,
): Promise<{ readonly found: readonly ChecksOf[]; readonly unanswered: readonly Unanswered[] }> {
  const { answers, unanswered } = await view.allKnown((part) => part.listChecks(call));
  const listed = new Set<string>();
  const found = answers.map(({ part, answer }) => {
    const checks = answer.filter(({ name, ofProcess }) => ofProcess || !listed.has(name));
    for (const { name } of checks) listed.add(name);
    return { part, checks, isAll: checks.length === answer.length };
  });
  const asked = new Set(answers.map(({ part }) => part));
  const rest = view.others.filter((part) => !asked.has(part));
  const others = await Promise.all(
    rest.map(async (part) => ({ part, isAll: false, checks: await checksOfProcess(part, call) })),
  );
  return { found: [...found, ...others], unanswered };
}

/** Empty if the process does not answer: its services are audited by another one, and GetStatus names it. */
async function checksOfProcess(part: OpsPart, call: MeshCallContext): Promise<AvailableCheck[]> {
  try {
    return (await part.listChecks(call)).filter(({ ofProcess }) => ofProcess);
  } catch {
    call.signal.throwIfAborted();
    return [];
  }
}

function requireKnown(names: readonly string[], found: readonly ChecksOf[], unanswered: readonly Unanswered[]): void {
  const known = [...new Set(found.flatMap(({ checks }) => checks.map(({ name }) => name)))];
  const violations = names.flatMap((name, index) => {
    if (known.includes(name)) return [];
    const [service = ''] = name.split('/');
    const away = unanswered.filter(({ services }) => services.split(',').includes(service));
    if (away.length > 0) throw unreachable(away);
    return [{ field: `checks[${index}]`, description: `must be one of ${known.join(', ')}` }];
  });
  if (violations.length > 0) throw invalidRequest(violations);
}

/** Runs checks in one process. If it is lost meanwhile, each check that has not ended ends with an error. */
async function* runAt(
  part: OpsPart,
  checks: readonly AvailableCheck[],
  call: MeshCallContext,
  isAll: boolean,
): AsyncGenerator<AuditReport, void, undefined> {
  const left = new Map(checks.map((check) => [check.name, check]));
  const nameOf = (name: string) => (part.remote && left.get(name)?.ofProcess ? `${name}@${part.remote.address}` : name);
  try {
    for await (const message of part.runAudit(isAll ? [] : [...left.keys()], call)) {
      const { report } = message;
      if (report?.$case === 'finding') {
        const check = nameOf(report.value.check);
        yield { report: { $case: 'finding', value: { ...report.value, check } } };
      }
      if (report?.$case === 'check') {
        const name = nameOf(report.value.name);
        left.delete(report.value.name);
        yield { report: { $case: 'check', value: { ...report.value, name } } };
      }
    }
  } catch (error) {
    const isLost = part.remote && error instanceof MeshError && !isRefusal(error) && !isNotServed(error);
    if (!isLost || call.signal.aborted) throw error;
    for (const name of left.keys()) yield failedCheck(nameOf(name), `${labelOf(part.remote)}: ${whyOf(error)}`);
  }
}

function failedCheck(name: string, error: string): AuditReport {
  const duration = { seconds: 0n, nanos: 0 };
  return { report: { $case: 'check', value: { name, examined: 0n, findings: 0n, duration, error } } };
}
