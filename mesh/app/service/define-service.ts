import type { AuditCheck } from '../../audit/audit.ts';
import { type BackgroundAudits, createProcessAudits, createServiceAudits } from '../../audit/background-audits.ts';
import type { AnySetting, SettingValues } from '../../config/setting.ts';
import type { EventStore } from '../../event-store/event-store.ts';
import type { Topic } from '../../events/log/topic.ts';
import { createOutbox } from '../../events/outbox/create-outbox.ts';
import type { Outbox } from '../../events/outbox/outbox.ts';
import { createIdempotency } from '../../idempotency/create-idempotency.ts';
import type { RouteOf } from '../../server/forwarding/forwarder.ts';
import { needsIdempotency, type ServedContract } from '../../server/serve.ts';
import { loadMigrations } from '../../storage/migrations.ts';
import type { Migration, Storage } from '../../storage/storage.ts';
import type { DatabaseOptions } from '../data/open-databases.ts';
import { absentLog } from './absent-log.ts';
import {
  type BackgroundRunner,
  createServiceBackground,
  type OpenAggregates,
  type StoredBackgroundRunner,
} from './background.ts';
import { createBrokerClaims } from './broker-claim.ts';
import type { Broker, OwnIds, Process, Runtime, ServiceDefinition } from './service.ts';

/** Where the migrations of a service are: a folder of SQL files, or a list. */
export type MigrationSource = URL | readonly Migration[];

/** Topics of any message type. */
export type TopicList = readonly Pick<Topic, 'name'>[];

/** The settings of a service, by the names under which its `setup` gets their values. */
export type ServiceSettings = Readonly<Record<string, AnySetting>>;

/** What `setup` of every service gets. */
export interface ServiceParts<Settings>
  extends Pick<
    Runtime,
    | 'client'
    | 'clientAt'
    | 'findClient'
    | 'endpoints'
    | 'clock'
    | 'logger'
    | 'metrics'
    | 'events'
    | 'tasks'
    | 'draining'
  > {
  readonly settings: SettingValues<Settings>;
  /** Runs background work. */
  readonly run: BackgroundRunner;
  /** Opens one more database under a name of its own; the process closes it. */
  openStorage(name: string, options?: DatabaseOptions): Promise<Storage>;
}

/** What `setup` of a service with `migrations` gets in addition. */
export interface StoredParts {
  /** The service's database, with its migrations applied. */
  readonly storage: Storage;
  readonly run: StoredBackgroundRunner;
  /** Opens the event store in the service's database; the same at every call. */
  eventStore(): Promise<EventStore>;
  readonly aggregates: OpenAggregates;
}

/** What `setup` of a service with `topics` gets in addition. */
export interface PublishingParts {
  /** Makes events and tasks durable in the transaction that causes them. */
  readonly outbox: Outbox;
}

/** What `setup` of a service that observes its process gets in addition. */
export interface ObservingParts {
  readonly process: Process;
}

type Parts<Settings, Migrations, Topics, Observes> = ServiceParts<Settings> &
  ([Migrations] extends [MigrationSource] ? StoredParts : unknown) &
  ([Topics] extends [TopicList] ? PublishingParts : unknown) &
  ([Observes] extends [true] ? ObservingParts : unknown);

/** What `setup` returns. */
export interface ServiceSetup {
  readonly serves: readonly ServedContract[];
  /** Where it forwards calls that no contract of the process has. One service of a process may. */
  readonly forwards?: RouteOf;
  /** What can be checked of its data: every hour, by one of its instances, and on demand. */
  readonly audits?: readonly AuditCheck[];
  /** Needed if it charges or reserves for anything but orders, so the audits of `ops.v1` accept that. */
  readonly ownIds?: OwnIds;
  /** Closes what calls in progress need, after the last of them; also after a start that fails. */
  readonly close?: () => Promise<void>;
}

/** A service, as its author describes it. */
export interface ServiceSpec<Settings, Migrations, Topics, Observes> {
  /** `order`: also the name of its database, of its set of migrations and, as `//ordermesh/order`, its events' source. */
  readonly name: string;
  readonly settings?: Settings;
  /** The folder of its SQL files; `[]` for a database without tables of its own. Absent: the service has no database. */
  readonly migrations?: Migrations;
  /** The topics that it publishes to, which are created; `[]` for a service that only queues tasks. With `migrations`. */
  readonly topics?: Topics;
  /** The brokers without which it can do nothing: while one is away, its contracts do not serve. Default: none. */
  readonly needs?: readonly Broker[];
  /** Whether it is about the process and its other services: it is then built last and gets `process`. Default false. */
  readonly observesProcess?: Observes;
  /**
   * Whether it answers for its process only: other processes do not find it by its name, and it is not named among the
   * services of the process. Default false.
   */
  readonly isLocal?: boolean;
  /** Whether it uses neither databases nor brokers. A process of such services opens and reports none. Default false. */
  readonly isStateless?: boolean;
  /** Whether a process with it serves HTTP on `HTTP_LISTEN`: the methods of all contracts, wherever they are. Default false. */
  readonly hasEdge?: boolean;
  /** Builds the service. Nothing has to be started: what `run` gets is started, stopped, checked and shown to operators. */
  setup(parts: Parts<Settings, Migrations, Topics, Observes>): ServiceSetup | Promise<ServiceSetup>;
}

/**
 * Defines a service. The process opens its database, applies its migrations, creates its outbox and calls `setup`; handlers
 * of methods with a `request_id` get `once`. It starts outbox, projectors, sagas, consumers and workers in this order when
 * every service is served, and stops the outbox last. The service is healthy while its database takes writes.
 */
export function defineService<
  Migrations extends MigrationSource | undefined = undefined,
  Topics extends TopicList | undefined = undefined,
  Settings extends ServiceSettings = Readonly<Record<never, never>>,
  Observes extends boolean | undefined = undefined,
>(spec: ServiceSpec<Settings, Migrations, Topics, Observes>): ServiceDefinition {
  const { name, migrations, topics, observesProcess = false, isLocal = false, isStateless = false } = spec;
  const { hasEdge = false } = spec;
  if (topics && !migrations) throw new TypeError(`service ${name} has topics and no database: give it migrations`);
  return {
    name,
    settings: Object.values(spec.settings ?? {}),
    observesProcess,
    isLocal,
    isStateless,
    hasEdge,
    async create(runtime, process) {
      const { clock, logger } = runtime;
      const storage = migrations && (await openMigrated(runtime, name, migrations));
      const outbox = storage && topics && (await openOutbox(runtime, name, storage, topics));
      const { run, eventStore, aggregates, brokers, describe } = createServiceBackground({
        name,
        runtime,
        storage,
        outbox,
      });
      const settings = valuesOf(spec.settings ?? {}, runtime);
      // It has none in a process of its own either.
      const events = isStateless ? absentLog(`service ${name}`) : runtime.events;
      // The check of a queue that it only sends tasks to then fails before the first of them.
      if (topics?.length === 0 || spec.needs?.includes('tasks')) runtime.tasks.expectUse?.();
      const parts = { ...runtime, events, settings, run, eventStore, aggregates, storage, outbox, process };
      // Parts that the types omit are undefined here, or throw an error that names what is missing.
      const {
        serves,
        forwards,
        audits = [],
        ownIds,
        close,
      } = await spec.setup(parts as unknown as Parts<Settings, Migrations, Topics, Observes>);
      const background = describe();
      const checks = [...audits, ...background.audits];
      const audited = checks.length > 0 ? await createAudits(runtime, name, storage, checks) : undefined;
      let stopping: Promise<void> | undefined;
      const stopBackground = (graceMs: number) => {
        stopping ??= background.stop(graceMs);
        return stopping;
      };
      /** What this process would still publish or handle is no longer where the others have theirs. */
      const endLost = () => {
        const text = 'another process has other events or tasks; background work ends until a restart';
        logger.error({ service: name }, text);
        stopBackground(0).catch((error) => logger.error({ err: error, service: name }, 'background work did not end'));
      };
      const claims = createBrokerClaims(runtime, name, endLost);
      return {
        name,
        isLocal,
        ...background,
        serves: storage ? await withIdempotency(serves, storage, runtime) : serves,
        audits: checks,
        ...(audited && { auditor: audited.auditor }),
        async claim() {
          // Only a server has databases that other processes use too.
          if (storage?.dialect === 'postgres') await claims.take(storage, brokers());
        },
        async start() {
          await background.start();
          await audited?.start();
        },
        async stop(graceMs) {
          const endMs = clock.elapsedMs() + graceMs;
          try {
            await Promise.all([stopBackground(graceMs), audited?.stop(graceMs)]);
          } finally {
            await claims.release(endMs - clock.elapsedMs());
          }
        },
        ...(forwards && { forwards }),
        ...(ownIds && { ownIds }),
        ...(close && { close }),
        ...(spec.needs && { needs: spec.needs }),
        ...(storage && {
          async check() {
            claims.requireHeld();
            await storage.check();
          },
        }),
      };
    },
  };
}

async function openMigrated(runtime: Runtime, name: string, migrations: MigrationSource): Promise<Storage> {
  const storage = await runtime.openStorage(name);
  await storage.migrate(name, migrations instanceof URL ? await loadMigrations(migrations) : migrations);
  return storage;
}

/** Instances that share a database audit it in turn. */
async function createAudits(
  { config, metrics, clock, logger }: Runtime,
  service: string,
  storage: Storage | undefined,
  checks: readonly AuditCheck[],
): Promise<BackgroundAudits> {
  const options = { service, checks, intervalMs: config.auditIntervalMs, metrics, clock, logger };
  return storage ? await createServiceAudits({ ...options, storage }) : createProcessAudits(options);
}

function openOutbox(runtime: Runtime, name: string, storage: Storage, topics: TopicList): Promise<Outbox> {
  const { events, tasks, config, clock, logger } = runtime;
  const { deadLettersRetentionMs } = config;
  const source = `//ordermesh/${name}`;
  return createOutbox({ storage, events, tasks, source, topics, deadLettersRetentionMs, clock, logger });
}

/** Gives the contracts that have a method with a `request_id` the idempotency of the service's database. */
async function withIdempotency(
  serves: readonly ServedContract[],
  storage: Storage,
  { config, clock }: Runtime,
): Promise<ServedContract[]> {
  if (!serves.some(lacksIdempotency)) return [...serves];
  const idempotency = await createIdempotency(storage, { clock, retentionMs: config.requestIdsRetentionMs });
  return serves.map((served) => (lacksIdempotency(served) ? { ...served, idempotency } : served));
}

function lacksIdempotency(served: ServedContract): boolean {
  return served.idempotency === undefined && needsIdempotency(served);
}

function valuesOf(settings: ServiceSettings, { config }: Runtime): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(settings).map(([name, setting]) => [name, config.get(setting)]));
}
