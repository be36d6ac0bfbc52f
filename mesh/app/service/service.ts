import type { CompatServiceDefinition } from 'nice-grpc';
import type { AuditCheck } from '../../audit/audit.ts';
import type { Auditor } from '../../audit/create-auditor.ts';
import type { ServiceEndpoint } from '../../balancing/balancer.ts';
import type { Endpoints } from '../../balancing/endpoints.ts';
import type { ReadOnlyMethod } from '../../client/answer.ts';
import type { ClientOptions, MeshClient } from '../../client/client-factory.ts';
import type { Config } from '../../config/config.ts';
import type { ServerTrust } from '../../config/server-trust.ts';
import type { AnySetting, Authorities } from '../../config/setting.ts';
import type { ServiceContract } from '../../contract/contract.ts';
import type { DeadLetterQueue } from '../../dead-letters/dead-letters.ts';
import type { ProjectionAdmin } from '../../event-store/projections/projection.ts';
import type { EventConsumer } from '../../events/consumer/create-consumer.ts';
import type { EventLog } from '../../events/log/event-log.ts';
import type { Outbox } from '../../events/outbox/outbox.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { OperatorActions } from '../../operator-actions/operator-actions.ts';
import type { SagaAdmin } from '../../saga/admin/admin.ts';
import type { createSagaEngine } from '../../saga/engine.ts';
import type { RouteOf } from '../../server/forwarding/forwarder.ts';
import type { HealthList } from '../../server/health/health.ts';
import type { ServedContract } from '../../server/serve.ts';
import type { Storage } from '../../storage/storage.ts';
import type { MeasuredTasks } from '../../tasks/open-tasks.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import type { DatabaseOptions } from '../data/open-databases.ts';
import type { DiskUsage, ProcessInfo } from '../process-info.ts';

/** What a service depends on. The settings choose the implementations (`DATABASE_URL`, ...). */
export interface Runtime {
  readonly config: Config;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Metrics of this process, kept even if they are not served (`METRICS_LISTEN`). */
  readonly metrics: Metrics;
  readonly events: EventLog;
  readonly tasks: MeasuredTasks;
  /** Creates the engines of the services' sagas. Default: `createSagaEngine`. */
  readonly createSagaEngine?: typeof createSagaEngine;
  /** The ids of the event log and of the task queue that are embedded in this process. `undefined`: it is on a server. */
  readonly embeddedIds: Readonly<Record<Broker, string | undefined>>;
  readonly info: ProcessInfo;
  /** Returns how to check servers: by these authorities, else by `TLS_CA`, else by those of Node. */
  serverTrust(authorities: Authorities): ServerTrust;
  /** Measures the disk of the data folder. */
  disk(): Promise<DiskUsage>;
  /** Checks of what this process stores, for all of its services. */
  readonly audits: readonly AuditCheck[];
  /** The health that the process reports, and why. */
  readonly health: HealthList;
  /** The instances of services in other processes, for services that forward calls or ask each instance. */
  readonly endpoints: Endpoints;
  /** Aborts when the process begins to drain, with `SERVER_DRAINING`. A stream that never ends by itself ends then. */
  readonly draining: AbortSignal;
  /** Opens the database of `service`. The process closes it after the service has stopped. */
  openStorage(service: string, options?: DatabaseOptions): Promise<Storage>;
  /**
   * Returns a client of another service, typed in nice-grpc's shape, with deadline, retry, breaker and, by `options`, a
   * fallback. Call it while the service is built: the process does not start if that service is neither in it nor has an
   * address. `caller`: the service that calls. Default: the service that is built.
   */
  client<Definition extends CompatServiceDefinition, Answered extends ReadOnlyMethod<Definition> = never>(
    contract: ServiceContract<Definition>,
    options?: ClientOptions<Definition, Answered>,
    caller?: string,
  ): MeshClient<Definition, NoInfer<Answered>>;
  /** Returns a client that calls this instance only: without breaker, retries and fallback. */
  clientAt<Definition extends CompatServiceDefinition>(
    contract: ServiceContract<Definition>,
    endpoint: ServiceEndpoint,
    caller?: string,
  ): MeshClient<Definition>;
  /** Returns a client of an optional service: `undefined` unless it was built before in this process or has an address. */
  findClient<Definition extends CompatServiceDefinition, Answered extends ReadOnlyMethod<Definition> = never>(
    contract: ServiceContract<Definition>,
    options?: ClientOptions<Definition, Answered>,
    caller?: string,
  ): MeshClient<Definition, NoInfer<Answered>> | undefined;
}

/** The event log or the task queue. */
export type Broker = 'events' | 'tasks';

/**
 * Returns those of `ids` under which a service charges and reserves, with its name as `owner`. An audit reports a charge or a
 * reservation of this owner under any other id.
 */
export type OwnIds = (ids: readonly string[]) => Promise<readonly string[]>;

/** A running service, as the process sees it: what it serves, and what it does in the background. */
export interface Service {
  /** `order`. */
  readonly name: string;
  /** Whether it answers for its process only. Default false. */
  readonly isLocal?: boolean;
  readonly serves: readonly ServedContract[];
  /** Where it forwards calls that no contract of the process has. One service of a process may. */
  readonly forwards?: RouteOf;
  /** What waits in it, for `ops.v1`. */
  readonly outbox?: Pick<Outbox, 'backlog'>;
  readonly consumers?: readonly Pick<EventConsumer, 'group' | 'topics' | 'lag' | 'skipped' | 'replay'>[];
  /** What can get stuck in it, for `ops.v1`. */
  readonly deadLetters?: readonly DeadLetterQueue[];
  readonly sagas?: readonly SagaAdmin[];
  /** Its read models, and the checks of its data with their auditor, for `ops.v1`. */
  readonly projections?: readonly ProjectionAdmin[];
  readonly audits?: readonly AuditCheck[];
  readonly auditor?: Auditor;
  readonly ownIds?: OwnIds;
  /** What operators changed in it, for `ops.v1`. */
  readonly actions?: OperatorActions;
  /**
   * Claims what all processes on its database must have in common. Called before the process listens, so one that is refused
   * has accepted nothing.
   */
  claim?(): Promise<void>;
  /** Starts background work; called once every service of the process serves. */
  start?(): Promise<void>;
  /**
   * Ends background work within `graceMs`. Calls in progress, and calls to other services, continue: the server drains
   * afterwards. What is left (outbox, sagas) is durable and resumed at the next start, even if this is cut off.
   */
  stop?(graceMs: number): Promise<void>;
  /** Closes what calls in progress need, after the last of them; also after a start that fails. */
  close?(): Promise<void>;
  /**
   * Resolves while its databases can be written. Rejects with what is wrong, which shows in the health of its contracts and
   * of the process.
   */
  check?(): Promise<void>;
  /**
   * The brokers without which it can do nothing: while one is away, its contracts do not serve. A broker that only receives
   * what the outbox holds is not needed. Anything else that a contract needs is a check of its own (`serve`).
   */
  readonly needs?: readonly Broker[];
}

/** What a service that observes its process sees of it. */
export interface Process {
  readonly info: ProcessInfo;
  /** Measures the disk of the data folder. */
  disk(): Promise<DiskUsage>;
  /** The other services. */
  readonly services: readonly Service[];
  /** Returns what audits its services, the observing ones too, and its files. */
  auditors(): readonly Auditor[];
  /** The health that the process reports, and why. */
  readonly health: HealthList;
  /** Whether `DISCOVERY_URL` has an address of this service. */
  hasAddress(service: string): boolean;
}

/** A service that can be run. Made by `defineService`. */
export interface ServiceDefinition {
  readonly name: string;
  /** What discovery, certificates and the rules of contracts call it. Default: its name. */
  readonly discoveryName?: string;
  /** The settings it reads, next to those of every process. */
  readonly settings: readonly AnySetting[];
  /** Whether it is built after all others, which it gets in `process`. */
  readonly observesProcess: boolean;
  /**
   * Whether it answers for its process only: other processes do not find it by its name, and it is not named among the
   * services of the process. Default false.
   */
  readonly isLocal?: boolean;
  /** Whether it uses neither databases nor brokers. A process of such services opens and reports none. Default false. */
  readonly isStateless?: boolean;
  /** Whether a process with it serves HTTP on `HTTP_LISTEN`: the methods of all contracts, wherever they are. Default false. */
  readonly hasEdge?: boolean;
  create(runtime: Runtime, process: Process): Promise<Service>;
}
