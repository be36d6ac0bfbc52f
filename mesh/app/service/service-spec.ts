import type { AuditCheck } from '../../audit/audit.ts';
import type { AnySetting, SettingValues } from '../../config/setting.ts';
import type { EventStore } from '../../event-store/event-store.ts';
import type { Topic } from '../../events/log/topic.ts';
import type { Outbox } from '../../events/outbox/outbox.ts';
import type { OperatorActions } from '../../operator-actions/operator-actions.ts';
import type { RouteOf } from '../../server/forwarding/forwarder.ts';
import type { ServedContract } from '../../server/serve.ts';
import type { Migration, Storage } from '../../storage/storage.ts';
import type { DatabaseOptions } from '../data/open-databases.ts';
import type { BackgroundRunner, OpenAggregates, StoredBackgroundRunner } from './background.ts';
import type { Broker, OwnIds, Process, Runtime } from './service.ts';

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
    | 'serverTrust'
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
  /** What operators changed in this service. */
  readonly actions: OperatorActions;
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

/** What `setup` gets: the parts of every service, and those of what the service has. */
export type Parts<Settings, Migrations, Topics, Observes> = ServiceParts<Settings> &
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
  /**
   * What discovery, certificates and the rules of contracts (`access.services`) call it: the first part of the package
   * of its contracts. Default: `name`.
   */
  readonly discoveryName?: string;
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
