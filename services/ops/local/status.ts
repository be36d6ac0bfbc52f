import type {
  ConsumerLag as ConsumerLagMessage,
  DeadLetterCount as DeadLetterCountMessage,
  Disk as DiskMessage,
  OutboxBacklog as OutboxBacklogMessage,
  ProcessInfo as ProcessInfoMessage,
  QueueBacklog as QueueBacklogMessage,
  SagaCount as SagaCountMessage,
  SkippedEvents as SkippedEventsMessage,
  UnknownPart,
} from '#gen/ops/v1/status.ts';
import {
  type Auditor,
  type Clock,
  type DeadLetterCount,
  type DeadLetterQueue,
  type DiskUsage,
  MeshError,
  type PartitionLag,
  type Process,
  type ProjectionAdmin,
  type QueueBacklog,
  type SagaAdmin,
  type SagaCount,
  type Service,
  within,
} from '#mesh';
import { namedHealthToProto } from '../health-rpc.ts';
import type { OpsPart } from '../ops-part.ts';
import { auditToProto, durationToProto } from './audits.ts';
import { sourceToProto } from './dead-letters.ts';
import { failingQueues, findFailingSagas } from './failing-work.ts';
import { projectionToProto } from './projections.ts';
import { sagaStateToProto } from './saga-proto.ts';

export interface StatusDeps {
  readonly process: Process;
  readonly queues: () => Promise<QueueBacklog[]>;
  readonly sagas: Pick<SagaAdmin, 'countUnfinished' | 'list'>;
  readonly deadLetters: Pick<DeadLetterQueue, 'count'>;
  readonly projections: Pick<ProjectionAdmin, 'list'>;
  readonly auditor: Pick<Auditor, 'last'>;
  readonly clock: Clock;
}

/** What is not known by then is reported as unknown, so one broker that hangs does not hide the rest. */
const maxPartMs = 2_000;
/** The share of a call's time that a part may take. */
const partShare = 0.7;

/** Reports what is in this process. */
export function localStatus(deps: StatusDeps): Pick<OpsPart, 'getStatus'> {
  const { process, queues, sagas, deadLetters, projections, auditor, clock } = deps;
  return {
    async getStatus(call) {
      const { signal } = call;
      const partMs = Math.min(maxPartMs, call.remainingMs() * partShare);
      const unknown: UnknownPart[] = [];
      const find = async <Found>(part: string, read: () => Promise<Found[]>): Promise<Found[]> => {
        try {
          return await within(read(), partMs, clock);
        } catch (error) {
          unknown.push(unknownPart(part, error));
          return [];
        }
      };
      const ofServices = async <Found>(part: string, read: (service: Service) => Promise<Found[]>) => {
        const lists = process.services.map((service) => find(`${part} of ${service.name}`, () => read(service)));
        return (await Promise.all(lists)).flat();
      };
      const [outboxes, waiting, consumers, counted, failing, dead, views, disks, [last]] = await Promise.all([
        ofServices('outbox', outboxToProto),
        find('task queues', queues),
        ofServices('consumers', consumersToProto),
        find('sagas', () => sagas.countUnfinished()),
        find('failing sagas', () => findFailingSagas(sagas, signal)),
        find('dead letters', () => deadLetters.count()),
        find('projections', () => projections.list()),
        find('disk', async () => [await process.disk()]),
        find('last audit', async () => [await auditor.last()]),
      ]);
      return {
        process: processToProto(process),
        health: process.health.list().map(namedHealthToProto),
        outboxes,
        queues: waiting.map(queueToProto),
        consumers,
        sagas: counted.map(sagaCountToProto),
        deadLetters: dead.map(deadLetterCountToProto),
        projections: views.map(projectionToProto),
        lastAudit: last && auditToProto(last),
        disk: disks[0] && diskToProto(disks[0]),
        skippedEvents: process.services.flatMap(skippedToProto),
        failing: [...failing, ...failingQueues(waiting)],
        unknown: unknown.toSorted((one, other) => (one.part < other.part ? -1 : 1)),
        instances: [],
      };
    },
  };
}

function unknownPart(part: string, error: unknown): UnknownPart {
  const reason = error instanceof MeshError ? error.reason : '';
  return { part, reason, message: error instanceof Error ? error.message : String(error), instance: '' };
}

function processToProto({ info, services }: Process): ProcessInfoMessage {
  const { startTimeMs, expiries, refusedTlsFiles, ...names } = info;
  const tlsExpiries = expiries().map(({ use, subject, expireMs, attentionMs, variable: setting }) => {
    return { use, subject, expireTime: new Date(expireMs), setting, attentionTime: new Date(attentionMs) };
  });
  return {
    ...names,
    startTime: new Date(startTimeMs),
    services: namesOf(services),
    tlsExpiries,
    refusedTlsFiles: refusedTlsFiles().map(({ setting, problem = '' }) => ({ setting, problem })),
  };
}

/** The names of the services that others find. */
function namesOf(services: readonly Service[]): string[] {
  return services.filter(({ isLocal }) => !isLocal).map(({ name }) => name);
}

async function outboxToProto({ name, outbox }: Service): Promise<OutboxBacklogMessage[]> {
  if (!outbox) return [];
  const byKind = new Map((await outbox.backlog()).map((backlog) => [backlog.kind, backlog]));
  const [events, tasks] = [byKind.get('event'), byKind.get('task')];
  return [
    {
      service: name,
      events: BigInt(events?.entries ?? 0),
      oldestEventTime: dateOf(events?.oldestTimeMs),
      tasks: BigInt(tasks?.entries ?? 0),
      oldestTaskTime: dateOf(tasks?.oldestTimeMs),
    },
  ];
}

function queueToProto({ queue, tasks, overdueMs }: QueueBacklog): QueueBacklogMessage {
  return { queue, tasks: BigInt(tasks), overdue: overdueMs === undefined ? undefined : durationToProto(overdueMs) };
}

async function consumersToProto({ name: service, consumers = [] }: Service): Promise<ConsumerLagMessage[]> {
  const lags = await Promise.all(consumers.map(async ({ group, lag }) => ({ group, positions: await lag() })));
  return lags.flatMap(({ group, positions }) =>
    [...Map.groupBy(positions, ({ topic }) => topic)].map(([topic, its]) => ({
      service,
      group,
      topic,
      eventsBehind: sumOf(its),
    })),
  );
}

function skippedToProto({ name: service, consumers = [] }: Service): SkippedEventsMessage[] {
  return consumers.flatMap(({ group, skipped }) =>
    skipped().map(({ topic, reason, count }) => ({ service, group, topic, reason, count: BigInt(count) })),
  );
}

function sumOf(positions: readonly PartitionLag[]): bigint {
  return positions.reduce((sum, { events }) => sum + events, 0n);
}

function sagaCountToProto({ name, state, count, oldestTimeMs }: SagaCount): SagaCountMessage {
  return { name, state: sagaStateToProto(state), count: BigInt(count), oldestTime: new Date(oldestTimeMs) };
}

function deadLetterCountToProto({ source, origin, count, oldestTimeMs }: DeadLetterCount): DeadLetterCountMessage {
  return { source: sourceToProto(source), origin, count: BigInt(count), oldestTime: new Date(oldestTimeMs) };
}

function diskToProto({ totalBytes, freeBytes, files }: DiskUsage): DiskMessage {
  return {
    totalBytes: BigInt(totalBytes),
    freeBytes: BigInt(freeBytes),
    files: [...files].map(([name, bytes]) => ({ name, bytes: BigInt(bytes) })),
  };
}

function dateOf(timeMs: number | undefined): Date | undefined {
  return timeMs === undefined ? undefined : new Date(timeMs);
}
