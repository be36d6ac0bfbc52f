import type { AuditCheck } from '../audit/audit.ts';
import type { Endpoints } from '../balancing/endpoints.ts';
import { createClientFactory } from '../client/client-factory.ts';
import { type Config, databaseUrlOf } from '../config/config.ts';
import type { ServerTrust } from '../config/server-trust.ts';
import { parseSqsUrl } from '../config/sqs-url.ts';
import { fullNameOf } from '../contract/contract.ts';
import { openEmbeddedLog } from '../events/embedded/embedded-log.ts';
import type { EventLog } from '../events/log/event-log.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { createPrometheusMetrics } from '../metrics/prometheus/prometheus-metrics.ts';
import type { WriteIdentity } from '../security/identity/outbound-identity.ts';
import type { ServerTrusts } from '../security/tls/server-trusts.ts';
import type { HealthList } from '../server/health/health.ts';
import type { DamageSearch } from '../storage/damage-search.ts';
import { connectOnUse } from '../tasks/connect-on-use.ts';
import { measureTasks, openTasks } from '../tasks/open-tasks.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import type { Databases, OpenDatabase } from './data/open-databases.ts';
import type { Directory } from './directory.ts';
import { databaseShared } from './errors.ts';
import { diskUsage, type ProcessInfo } from './process-info.ts';
import { absentLog } from './service/absent-log.ts';
import type { Runtime } from './service/service.ts';
import type { Shutdown } from './shutdown.ts';

export interface RuntimeOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly draining: AbortSignal;
  readonly trusts: ServerTrusts;
  readonly openDatabase: OpenDatabase;
  readonly fileIdOf: Databases['fileIdOf'];
  readonly clock: Clock;
  readonly health: HealthList;
  readonly info: ProcessInfo;
  readonly metrics: Metrics;
  /** Whether no service of the process uses a database or a broker. */
  readonly isStateless: boolean;
  /** Where clients find services. */
  readonly directory: Directory;
  /** The instances of services in other processes. */
  readonly endpoints: Endpoints;
  /** Writes into calls who makes them. `undefined`: nobody authenticates calls. */
  readonly writeIdentity?: WriteIdentity | undefined;
  /** Gets everything that the runtime opens. */
  readonly shutdown: Pick<Shutdown, 'add'>;
}

/** Opens what the settings name: event log, task queue, clients, databases. */
export async function openRuntime({
  config,
  clock,
  health,
  info,
  metrics,
  logger,
  draining,
  trusts,
  openDatabase,
  fileIdOf,
  isStateless,
  directory,
  endpoints,
  writeIdentity,
  shutdown,
}: RuntimeOptions): Promise<Runtime> {
  const events = isStateless
    ? absentLog('the process')
    : await openEvents(config, { trusts, clock, logger, openDatabase });
  if (!isStateless) shutdown.add('resources', 'event log', () => events.close());
  const open = (url: string) => openDatabase('tasks', url, { poolSize: 1 });
  const noTasks = () => connectOnUse(() => Promise.reject(new TypeError('a stateless process has no tasks')));
  const tasks = isStateless
    ? measureTasks(noTasks(), { metrics, clock })
    : await openTasks(config, { trust: tasksTrust(config, trusts), clock, logger, metrics, open });
  shutdown.add('resources', 'task queue', () => tasks.close());
  const clients = createClientFactory({ endpoints: directory, clock, logger, writeIdentity });
  shutdown.add('resources', 'clients', () => clients.close());
  const opened = isStateless ? [] : [events.searchDamage, tasks.searchDamage];
  const searches = opened.filter((search) => search !== undefined);
  const ownerByUrl = new Map<string, string>();
  return {
    config,
    logger,
    clock,
    metrics,
    events,
    tasks,
    embeddedIds: {
      events: info.events === 'embedded' ? fileIdOf('events') : undefined,
      tasks: info.tasks === 'embedded' ? fileIdOf('tasks') : undefined,
    },
    info,
    disk: () => diskUsage(config),
    serverTrust: trusts.of,
    audits: [auditStorage(() => searches)],
    health,
    draining,
    endpoints,
    client: clients.client,
    clientAt: clients.clientAt,
    findClient: (contract, options, caller) =>
      directory.has(fullNameOf(contract)) ? clients.client(contract, options, caller) : undefined,
    openStorage: async (service, options) => {
      const url = databaseUrlOf(config, service);
      const other = ownerByUrl.get(url);
      if (other !== undefined) throw databaseShared({ sharers: `${other} and ${service}` });
      ownerByUrl.set(url, service);
      const storage = await openDatabase(service, url, options);
      if (storage.searchDamage) searches.push(storage.searchDamage);
      shutdown.add('resources', `database ${service}`, () => storage.close());
      return storage;
    },
  };
}

/** Creates the metrics of a process, with those that describe it. */
export function createMetrics(clock: Clock, logger: Logger, info: ProcessInfo): Metrics {
  const metrics = createPrometheusMetrics({ clock, logger });
  describeProcess(metrics, info);
  return metrics;
}

async function openEvents(
  config: Config,
  { trusts, clock, logger, openDatabase }: Pick<RuntimeOptions, 'trusts' | 'logger' | 'openDatabase' | 'clock'>,
): Promise<EventLog> {
  const { eventsUrl, eventsCompression: compression, eventsPartitions, eventsRetentionMs } = config;
  const options = { topicDefaults: { partitions: eventsPartitions, retentionMs: eventsRetentionMs }, clock, logger };
  const [, path] = /^embedded:(.*)$/s.exec(eventsUrl) ?? [];
  if (path === undefined) {
    const { openKafkaLog } = await import('../events/kafka/kafka-log.ts');
    return openKafkaLog(eventsUrl, { ...options, trust: trusts.of(config.eventsCa), compression });
  }
  return await openEmbeddedLog(path, { ...options, open: (file) => openDatabase('events', file) });
}

/**
 * The check `storage/integrity`: searches everything that this process stores in files of its own, and reports damage as
 * `STORAGE_CORRUPT`. `searches` is called when it runs.
 */
function auditStorage(searches: () => readonly DamageSearch[]): AuditCheck {
  return {
    name: 'storage/integrity',
    async *run(progress, signal) {
      for (const search of searches()) {
        for await (const { reason, metadata, message } of search(progress.examined)) {
          yield { reason, ids: Object.values(metadata), message };
          signal.throwIfAborted();
        }
        signal.throwIfAborted();
      }
    },
  };
}

/** Exposes the version and the start time of the process, and what it uses of the processor. */
function describeProcess(metrics: Metrics, { version, startTimeMs }: ProcessInfo): void {
  const build = metrics.gauge('ordermesh_build_info', 'The version that runs; its value is always 1.', ['version']);
  build.set({ version }, 1);
  const start = 'When the process started, in seconds since 1970-01-01T00:00:00Z.';
  metrics.gauge('ordermesh_process_start_time_seconds', start, []).set({}, startTimeMs / 1000);
  metrics
    .counter('ordermesh_process_cpu_seconds_total', 'Processor time of the process, with all its threads.', [])
    .collect(() => {
      const { user, system } = process.cpuUsage();
      return [{ labels: {}, value: (user + system) / 1_000_000 }];
    });
  metrics
    .counter('ordermesh_event_loop_busy_seconds_total', 'How long the event loop was not idle.', [])
    .collect(() => [{ labels: {}, value: performance.eventLoopUtilization().active / 1_000 }]);
}

/** Amazon's own servers are outside of the mesh. */
function tasksTrust({ tasksUrl, tasksCa }: Config, trusts: ServerTrusts): ServerTrust {
  const isAmazon = tasksUrl.startsWith('sqs:') && parseSqsUrl(tasksUrl)?.endpoint === undefined;
  return isAmazon ? trusts.ofOutside(tasksCa) : trusts.of(tasksCa);
}
