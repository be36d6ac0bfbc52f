import type { AuditServiceHandlers } from '#gen/ops/v1/audit.contract.ts';
import type { Audit, AuditCheck, AuditFinding, AuditReport, AvailableCheck } from '#gen/ops/v1/audit.ts';
import { invalidRequest, isOutage, isServerFault, type MeshCallContext, MeshError } from '#mesh';
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
      const { found, unanswered, silent } = await findChecks(view, call);
      requireKnown(names, found, unanswered);
      for (const { parts, checks, isAll } of found) {
        const chosen = names.length === 0 ? checks : checks.filter(({ name }) => names.includes(name));
        if (chosen.length > 0) yield* runAt(parts, chosen, call, names.length === 0 && isAll);
      }
      // Which checks they have is not known.
      if (names.length === 0) for (const { label, why } of unanswered) yield failedCheck(label, why);
      if (names.length === 0 || asksProcesses(names, found))
        for (const { label, why } of silent) yield failedCheck(label, why);
    },

    async getLastAudit(_request, call) {
      const view = viewOf(call);
      const audits = await view.all((part) => lastAuditOf(part, call));
      const asked = new Set(audits.map(({ part }) => part));
      const rest = view.others.filter((part) => !asked.has(part));
      // Its services are answered for by another process, and GetStatus names it.
      const others = await Promise.all(rest.map((part) => lastAuditOf(part, call).catch(() => undefined)));
      call.signal.throwIfAborted();
      const last = combineAudits(
        [...audits.map(({ answer }) => answer), ...others].filter((each) => each !== undefined),
      );
      if (!last) throw noAuditYet();
      return last;
    },
  };
}

/** The last audit of a process. */
export interface LastAudit {
  readonly part: OpsPart;
  readonly audit: Audit;
  /** Whether a check is about the process, not about a service. */
  isOfProcess(check: string): boolean;
}

async function lastAuditOf(part: OpsPart, call: MeshCallContext): Promise<LastAudit | undefined> {
  const [audit, isOfProcess] = await Promise.all([part.getLastAudit(call), findChecksOfProcess(part, call)]);
  return audit && { part, audit, isOfProcess };
}

/** Returns which checks of a process are about itself: all, if it does not say. */
export async function findChecksOfProcess(part: OpsPart, call: MeshCallContext): Promise<(check: string) => boolean> {
  try {
    const ofService = new Set(
      (await part.listChecks(call)).flatMap(({ name, ofProcess }) => (ofProcess ? [] : [name])),
    );
    return (check) => !ofService.has(check);
  } catch {
    return () => true;
  }
}

/**
 * Combines the last audits of several processes, from the first start to the earliest end: what is shown is no older. A check
 * of a service is from the latest audit with it, one of a process has its address.
 */
export function combineAudits(audits: readonly LastAudit[]): Audit | undefined {
  const latest = new Map<
    string,
    { readonly audit: Audit; readonly check: AuditCheck; readonly findings: AuditFinding[] }
  >();
  for (const { part, audit, isOfProcess } of audits) {
    for (const check of audit.checks) {
      const name = part.remote && isOfProcess(check.name) ? `${check.name}@${part.remote.address}` : check.name;
      const known = latest.get(name);
      if (known && timeOf(known.audit.endTime) >= timeOf(audit.endTime)) continue;
      const findings = audit.findings.filter((finding) => finding.check === check.name);
      latest.set(name, {
        audit,
        check: { ...check, name },
        findings: findings.map((each) => ({ ...each, check: name })),
      });
    }
  }
  const shown = [...latest.values()];
  if (shown.length === 0) return audits[0]?.audit;
  return {
    startTime: new Date(Math.min(...shown.map(({ audit }) => timeOf(audit.startTime)))),
    endTime: new Date(Math.min(...shown.map(({ audit }) => timeOf(audit.endTime)))),
    checks: shown.map(({ check }) => check),
    findings: shown.flatMap(({ findings }) => findings).slice(0, maxFindings),
  };
}

function timeOf(time: Date | undefined): number {
  return time?.getTime() ?? 0;
}

/** The checks that one process is to run. */
interface ChecksOf {
  /** The process, and others that can run the checks of its services. */
  readonly parts: readonly [OpsPart, ...OpsPart[]];
  readonly checks: readonly AvailableCheck[];
  /** Whether these are all that it has: their result is then kept. */
  readonly isAll: boolean;
}

interface FoundChecks {
  readonly found: readonly ChecksOf[];
  /** The groups whose checks are not known. */
  readonly unanswered: readonly Unanswered[];
  /** The processes of the other groups whose own checks are not known. */
  readonly silent: readonly { readonly label: string; readonly why: string }[];
}

/** Returns the checks of each process: those of a service from one of its processes, those of a process from each. */
async function findChecks(view: MeshView, call: MeshCallContext): Promise<FoundChecks> {
  const { answers, unanswered } = await view.allKnown((part) => part.listChecks(call));
  const listed = new Set<string>();
  const found = answers.map(({ group, part, answer }): ChecksOf => {
    const checks = answer.filter(({ name, ofProcess }) => ofProcess || !listed.has(name));
    for (const { name } of checks) listed.add(name);
    const others = group.parts.filter((other) => other !== part);
    return { parts: [part, ...others], checks, isAll: checks.length === answer.length };
  });
  const asked = new Set([...answers.map(({ part }) => part), ...unanswered.flatMap(({ parts }) => parts)]);
  const silent: { readonly label: string; readonly why: string }[] = [];
  const checksOfProcess = async (part: OpsPart): Promise<ChecksOf> => {
    try {
      const checks = (await part.listChecks(call)).filter(({ ofProcess }) => ofProcess);
      return { parts: [part], isAll: false, checks };
    } catch (error) {
      call.signal.throwIfAborted();
      if (!isNotServed(error)) silent.push({ label: labelOf(part.remote), why: whyOf(error) });
      return { parts: [part], isAll: false, checks: [] };
    }
  };
  const others = await Promise.all(view.others.filter((part) => !asked.has(part)).map(checksOfProcess));
  return { found: [...found, ...others], unanswered, silent };
}

/** Whether one of the named checks is of each process. */
function asksProcesses(names: readonly string[], found: readonly ChecksOf[]): boolean {
  return found.some(({ checks }) => checks.some(({ name, ofProcess }) => ofProcess && names.includes(name)));
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

/**
 * Runs checks in one process. If it is lost meanwhile, others start those of its services over that have not ended; each may be
 * of another version, so it runs what it has. What none can run ends with an error.
 */
async function* runAt(
  [part, ...others]: readonly [OpsPart, ...OpsPart[]],
  checks: readonly AvailableCheck[],
  call: MeshCallContext,
  isAll: boolean,
): AsyncGenerator<AuditReport, void, undefined> {
  const left = new Map(checks.map((check) => [check.name, check]));
  const nameOf = (name: string) => (part.remote && left.get(name)?.ofProcess ? `${name}@${part.remote.address}` : name);
  const reported = new Set<string>();
  const failures: string[] = [];
  for (const each of [part, ...others]) {
    const isFirst = each === part;
    try {
      const names = isFirst ? [...left.keys()] : await leftAt(each, left, call);
      if (names.length === 0) continue;
      for await (const { report } of each.runAudit(isFirst && isAll ? [] : names, call)) {
        if (report?.$case === 'finding') {
          const { check, reason, ids } = report.value;
          const key = JSON.stringify([check, reason, ids]);
          if (reported.has(key)) continue;
          reported.add(key);
          yield { report: { $case: 'finding', value: { ...report.value, check: nameOf(check) } } };
        }
        if (report?.$case === 'check') {
          const name = nameOf(report.value.name);
          left.delete(report.value.name);
          yield { report: { $case: 'check', value: { ...report.value, name } } };
        }
      }
      if (isFirst) return;
    } catch (error) {
      if (!each.remote || !(error instanceof MeshError) || call.signal.aborted) throw error;
      failures.push(`${labelOf(each.remote)}: ${whyOf(error)}`);
      // A bug would fail the checks at each of the others, one after the other.
      if (isServerFault(error.code) && !isOutage(error) && !isNotServed(error)) break;
    }
  }
  for (const name of left.keys()) yield failedCheck(nameOf(name), failures.join('; '));
}

/** Returns which of the checks that are left are of a service and known to a process. */
async function leftAt(
  part: OpsPart,
  left: ReadonlyMap<string, AvailableCheck>,
  call: MeshCallContext,
): Promise<readonly string[]> {
  if ([...left.values()].every(({ ofProcess }) => ofProcess)) return [];
  const known = new Set((await part.listChecks(call)).map(({ name }) => name));
  return [...left].flatMap(([name, { ofProcess }]) => (!ofProcess && known.has(name) ? [name] : []));
}

function failedCheck(name: string, error: string): AuditReport {
  const duration = { seconds: 0n, nanos: 0 };
  return { report: { $case: 'check', value: { name, examined: 0n, findings: 0n, duration, error } } };
}
