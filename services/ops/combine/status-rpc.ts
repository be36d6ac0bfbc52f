import type { StatusServiceHandlers } from '#gen/ops/v1/status.contract.ts';
import type { FailingWork, InstanceStatus, SkippedEvents, Status, UnknownPart } from '#gen/ops/v1/status.ts';
import { type MeshCallContext, MeshError, noEndpoints, registryUnavailable } from '#mesh';
import type { OpsPart } from '../ops-part.ts';
import { labelOf } from '../remote/find-parts.ts';
import { isNotServed, whyOf } from './ask.ts';
import { combineAudits, findChecksOfProcess, type LastAudit } from './audit-rpc.ts';
import type { ViewOf } from './mesh-view.ts';

/** Implements `ops.v1.StatusService`. All processes are asked in parallel. */
export function createStatusRpc(viewOf: ViewOf): StatusServiceHandlers {
  return {
    async getStatus(_request, call) {
      const view = viewOf(call);
      const { local } = view;
      const [own, isOfProcess, ...others] = await Promise.all([
        local.getStatus(call),
        findChecksOfProcess(local, call),
        ...view.others.map((part) => ask(part, call)),
      ]);
      const unfound = view.unfound.map(({ name, isUnanswered }) =>
        isUnanswered
          ? unknownProcess(name, registryUnavailable.reason, `${name} is unknown: the registry has not answered yet`)
          : unknownProcess(name, noEndpoints.reason, `${name} has no instance: start one`),
      );
      return view.others.length + unfound.length === 0
        ? own
        : combine({ part: local, status: own, isOfProcess }, others, unfound);
    },
  };
}

/** What a process answered. */
interface OtherStatus {
  readonly part: OpsPart;
  /** `undefined`: it did not answer, or does not serve `ops.v1`. */
  readonly status: Status | undefined;
  readonly isOfProcess: LastAudit['isOfProcess'];
  readonly unknown: readonly UnknownPart[];
}

interface OwnStatus extends Pick<OtherStatus, 'part' | 'isOfProcess'> {
  readonly status: Status;
}

async function ask(part: OpsPart, call: MeshCallContext): Promise<OtherStatus> {
  const instance = labelOf(part.remote);
  try {
    const [status, isOfProcess] = await Promise.all([part.getStatus(call), findChecksOfProcess(part, call)]);
    return { part, status, isOfProcess, unknown: status.unknown.map((each) => ({ ...each, instance })) };
  } catch (error) {
    call.signal.throwIfAborted();
    const none = { part, status: undefined, isOfProcess: () => true };
    if (isNotServed(error)) return { ...none, unknown: [] };
    const reason = error instanceof MeshError ? error.reason : '';
    return { ...none, unknown: [unknownProcess(instance, reason, `${instance} did not answer: ${whyOf(error)}`)] };
  }
}

function unknownProcess(instance: string, reason: string, message: string): UnknownPart {
  return { part: 'process', reason, message, instance };
}

function combine(ownStatus: OwnStatus, asked: readonly OtherStatus[], unfound: readonly UnknownPart[]): Status {
  const own = ownStatus.status;
  const others = asked.filter(({ status }) => !isSame(own, status));
  const all = [own, ...others.flatMap(({ status }) => status ?? [])];
  const unknown = [...own.unknown, ...others.flatMap((each) => each.unknown), ...unfound];
  // Any process of a service answers for it, so what several answer is one.
  const once = <T>(list: (status: Status) => readonly T[], keyOf: (each: T) => string): T[] =>
    firstOfEach(all.flatMap(list), keyOf);
  // Two services may use the same name.
  const related = withCommonServices(all);
  const onceByService = <T>(list: (status: Status) => readonly T[], keyOf: (each: T) => string): T[] =>
    related.flatMap((statuses) => firstOfEach(statuses.flatMap(list), keyOf));
  return {
    ...own,
    outboxes: once(
      (status) => status.outboxes,
      ({ service }) => service,
    ),
    queues: once(
      (status) => status.queues,
      ({ queue }) => queue,
    ),
    consumers: once(
      (status) => status.consumers,
      ({ group, topic }) => `${group} ${topic}`,
    ),
    sagas: onceByService(
      (status) => status.sagas,
      ({ name, state }) => `${state} ${name}`,
    ),
    deadLetters: onceByService(
      (status) => status.deadLetters,
      ({ source, origin }) => `${source} ${origin}`,
    ),
    projections: once(
      (status) => status.projections,
      ({ name }) => name,
    ).toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    lastAudit: combineAudits(
      [ownStatus, ...others].flatMap(({ part, status, isOfProcess }) =>
        status?.lastAudit ? [{ part, audit: status.lastAudit, isOfProcess }] : [],
      ),
    ),
    skippedEvents: sum(all.flatMap(({ skippedEvents }) => skippedEvents)),
    failing: longest(all.flatMap(({ failing }) => failing)),
    unknown: unknown.toSorted((one, other) => (keyOfUnknown(one) < keyOfUnknown(other) ? -1 : 1)),
    instances: others.flatMap(instanceOf),
  };
}

function firstOfEach<T>(all: readonly T[], keyOf: (each: T) => string): T[] {
  const first = new Map<string, T>();
  for (const each of all) if (!first.has(keyOf(each))) first.set(keyOf(each), each);
  return [...first.values()];
}

/** Groups the statuses of processes that have services in common. */
function withCommonServices(all: readonly Status[]): Status[][] {
  let groups: Status[][] = [];
  for (const status of all) {
    const services = new Set(status.process?.services);
    const isRelated = (group: readonly Status[]) =>
      group.some((other) => other.process?.services.some((service) => services.has(service)));
    const first = groups.find(isRelated);
    if (!first) groups = [...groups, [status]];
    else {
      const merged = [...groups.filter(isRelated).flat(), status];
      groups = groups.flatMap((group) => (group === first ? [merged] : isRelated(group) ? [] : [group]));
    }
  }
  return groups;
}

/** Whether a status is of the own process, which finds itself where discovery has its address. */
function isSame({ process: own }: Status, other: Status | undefined): boolean {
  const found = other?.process;
  return found !== undefined && found.pid === own?.pid && found.startTime?.getTime() === own.startTime?.getTime();
}

function instanceOf({ part, status, unknown }: OtherStatus): InstanceStatus[] {
  if (part.remote === undefined || (status === undefined && unknown.length > 0)) return [];
  return [{ ...part.remote, process: status?.process, health: status?.health ?? [], disk: status?.disk }];
}

/** Each process counts the events that it skipped itself. */
function sum(skipped: readonly SkippedEvents[]): SkippedEvents[] {
  const sums = new Map<string, SkippedEvents>();
  for (const each of skipped) {
    const key = [each.group, each.topic, each.reason].join(' ');
    sums.set(key, { ...each, count: each.count + (sums.get(key)?.count ?? 0n) });
  }
  return [...sums.values()];
}

/** Work of several processes that fails at the same part: since when it has failed in the first of them. */
function longest(failing: readonly FailingWork[]): FailingWork[] {
  const byPart = new Map<string, FailingWork>();
  for (const each of failing) {
    const known = byPart.get(each.part);
    const isLonger = known === undefined || (each.sinceTime ?? 0) < (known.sinceTime ?? 0);
    if (isLonger) byPart.set(each.part, each);
  }
  return [...byPart.values()];
}

function keyOfUnknown({ instance, part }: UnknownPart): string {
  return `${instance} ${part}`;
}
