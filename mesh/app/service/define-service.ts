import type { AuditCheck } from '../../audit/audit.ts';
import { type BackgroundAudits, createProcessAudits, createServiceAudits } from '../../audit/background-audits.ts';
import { createOutbox } from '../../events/outbox/create-outbox.ts';
import type { Outbox } from '../../events/outbox/outbox.ts';
import { createIdempotency } from '../../idempotency/create-idempotency.ts';
import { createOperatorActions } from '../../operator-actions/create-operator-actions.ts';
import type { OperatorActions } from '../../operator-actions/operator-actions.ts';
import { needsIdempotency, type ServedContract } from '../../server/serve.ts';
import { loadMigrations } from '../../storage/migrations.ts';
import type { Storage } from '../../storage/storage.ts';
import { absentLog } from './absent-log.ts';
import { createServiceBackground } from './background.ts';
import { createBrokerClaims } from './broker-claim.ts';
import type { Runtime, ServiceDefinition } from './service.ts';
import type { MigrationSource, Parts, ServiceSettings, ServiceSpec, TopicList } from './service-spec.ts';

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
    ...(spec.discoveryName !== undefined && { discoveryName: spec.discoveryName }),
    settings: Object.values(spec.settings ?? {}),
    observesProcess,
    isLocal,
    isStateless,
    hasEdge,
    async create(runtime, process) {
      const { clock, logger } = runtime;
      const storage = migrations && (await openMigrated(runtime, name, migrations));
      const actions = storage && createOperatorActions(storage, clock);
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
      const own = {
        events,
        settings,
        run,
        eventStore,
        aggregates,
        storage,
        actions,
        outbox,
        process,
      };
      const parts = { ...runtime, ...own };
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
        serves: storage ? await withDatabase(serves, { storage, actions, runtime }) : serves,
        ...(actions && { actions }),
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

interface DatabaseParts {
  readonly storage: Storage;
  readonly actions: OperatorActions | undefined;
  readonly runtime: Runtime;
}

/**
 * Gives the contracts the record of operators' actions and, if they have a method with a `request_id`, the
 * idempotency of the database.
 */
async function withDatabase(
  served: readonly ServedContract[],
  { storage, actions, runtime: { config, clock } }: DatabaseParts,
): Promise<ServedContract[]> {
  const serves = served.map((each) => ({ actions, ...each }));
  if (!serves.some(lacksIdempotency)) return serves;
  const idempotency = await createIdempotency(storage, { clock, retentionMs: config.requestIdsRetentionMs });
  return serves.map((served) => (lacksIdempotency(served) ? { ...served, idempotency } : served));
}

function lacksIdempotency(served: ServedContract): boolean {
  return served.idempotency === undefined && needsIdempotency(served);
}

function valuesOf(settings: ServiceSettings, { config }: Runtime): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(settings).map(([name, setting]) => [name, config.get(setting)]));
}
