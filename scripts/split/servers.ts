import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileVariableOf } from '../../mesh/config/setting-files.ts';
import { messageOf } from '../../mesh/errors/error-text.ts';
import { nextFreePort } from '../../mesh/testing/servers/free-port.ts';
import { endOnAbort, type GuardedProcess } from '../../mesh/testing/servers/guarded-process.ts';
import * as kafka from '../../mesh/testing/servers/kafka-broker.ts';
import * as postgres from '../../mesh/testing/servers/postgres-node.ts';
import * as rabbitmq from '../../mesh/testing/servers/rabbitmq-node.ts';
import type { Output } from './output.ts';
import type { ServerUrls } from './plan.ts';

/** A server that a split mesh needs and can start. */
export interface ServerKind {
  readonly name: string;
  /** The part of `make deps` that installs it. */
  readonly part: string;
  /** The setting with its URL. If it is set, that server is used. */
  readonly variable: 'DATABASE_URL' | 'EVENTS_URL' | 'TASKS_URL';
  readonly installed: () => string | undefined;
  /** Prepares its folder and chooses its ports. `connections`: how many a database has to allow. */
  readonly prepare: (folder: string, connections: number) => Promise<Prepared>;
}

export interface Prepared {
  readonly url: string;
  /** Rejects if `stopping` ends it while it starts. */
  readonly start: (stopping: AbortSignal) => Promise<RunningServer>;
}

export interface RunningServer {
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Connections to PostgreSQL for other programs than the processes, and those that it reserves. */
const forOthers = 10;

const allKinds: readonly ServerKind[] = [
  {
    name: 'PostgreSQL',
    part: 'postgres',
    variable: 'DATABASE_URL',
    installed: postgres.installedPostgres,
    async prepare(folder, connections) {
      const maxConnections = Math.max(postgres.defaultConnections, connections + forOthers);
      const node = { port: await nextFreePort(5432), folder, maxConnections };
      await postgres.prepareNode(node);
      // INT ends the sessions of clients; TERM would wait for them.
      const start = async (stopping: AbortSignal) => running(await postgres.startNode(node, stopping), 'INT');
      return { url: postgres.urlOf(node, '<service>'), start };
    },
  },
  {
    name: 'Kafka',
    part: 'kafka',
    variable: 'EVENTS_URL',
    installed: kafka.installedKafka,
    async prepare(folder) {
      const port = await nextFreePort(9092);
      const node = { id: 1, port, controllerPort: await nextFreePort(port + 1), folder };
      const cluster = { nodes: [node], maxHeap: '512m' };
      await kafka.prepareNode(node, cluster);
      const start = async (stopping: AbortSignal) => {
        const child = kafka.startNode(node, cluster);
        endOnAbort(child, 'TERM', stopping);
        await kafka.nodeAnswers(node, child, 1);
        return running(child, 'TERM');
      };
      return { url: `kafka://127.0.0.1:${port}`, start };
    },
  },
  {
    name: 'RabbitMQ',
    part: 'rabbitmq',
    variable: 'TASKS_URL',
    installed: rabbitmq.installedRabbitmq,
    async prepare(folder) {
      const [port, distributionPort, epmdPort] = [
        await nextFreePort(5672),
        await nextFreePort(25672),
        await nextFreePort(4370),
      ];
      const node = { port, distributionPort, epmdPort, folder };
      await rabbitmq.prepareNode(node);
      const start = async (stopping: AbortSignal) => running(await rabbitmq.startNode(node, stopping), 'TERM');
      return { url: `amqp://127.0.0.1:${port}`, start };
    },
  },
];

/** The servers of a split mesh: those of the environment, and for the others its own. */
export interface Servers {
  /** Starts its own, which are started again if they end. Rejects if one cannot be started, and if `stop` was called. */
  start(): Promise<ServerUrls>;
  /** Stops its own, also while they start. */
  stop(): Promise<void>;
}

export interface ServersOptions {
  /** `DATABASE_URL`, `EVENTS_URL` and `TASKS_URL`. */
  readonly environment: NodeJS.ProcessEnv;
  /** For the data of its own servers. */
  readonly folder: string;
  /** How many connections PostgreSQL has to allow. */
  readonly connections: number;
  readonly output: Output;
  /** Default: PostgreSQL, Kafka and RabbitMQ. */
  readonly kinds?: readonly ServerKind[];
}

/** The parts of `make deps` for servers that would be started but are not installed. */
export function missingParts(environment: NodeJS.ProcessEnv): string[] {
  return toStart(allKinds, environment)
    .filter(({ installed }) => installed() === undefined)
    .map(({ part }) => part);
}

/** What is wrong with URLs of servers: several processes need servers that they can share. */
export function serverFaults(environment: NodeJS.ProcessEnv): string[] {
  const { DATABASE_URL = '', EVENTS_URL = '', TASKS_URL = '' } = environment;
  const faults = [];
  if (DATABASE_URL && !/^postgres(ql)?:\/\/.*<service>/.test(DATABASE_URL))
    faults.push('DATABASE_URL: use postgres://<user>@<host>/<database> with <service> in it');
  if (/^embedded:/.test(EVENTS_URL)) faults.push('EVENTS_URL: use kafka://<host>:<port>');
  if (/^(embedded:|off$)/.test(TASKS_URL)) faults.push('TASKS_URL: use amqp://<user>:<password>@<host>:<port>');
  return faults;
}

export function createServers(options: ServersOptions): Servers {
  const { environment, folder, connections, output, kinds = allKinds } = options;
  const kept: KeptServer[] = [];
  let isStopping = false;
  let started: Promise<ServerUrls> | undefined;

  async function start(): Promise<ServerUrls> {
    const urls = new Map<string, string>();
    // One after another: each takes the next free port.
    for (const kind of toStart(kinds, environment)) {
      const prepared = await kind.prepare(join(folder, kind.part), connections);
      if (isStopping) throw new Error('the servers are stopping');
      urls.set(kind.variable, prepared.url);
      kept.push(keep(kind.name, prepared, output));
    }
    await Promise.all(kept.map((server) => server.started));
    const urlOf = (variable: ServerKind['variable']) => environment[variable] || (urls.get(variable) ?? '');
    return { database: urlOf('DATABASE_URL'), events: urlOf('EVENTS_URL'), tasks: urlOf('TASKS_URL') };
  }

  return {
    start() {
      started = start();
      return started;
    },
    async stop() {
      isStopping = true;
      if (kept.length > 0) output.log('info', `stopping ${kept.map(({ name }) => name).join(', ')}`);
      await Promise.all(kept.map((server) => server.stop()));
      // What is being prepared is no longer started.
      await started?.catch(() => undefined);
    },
  };
}

interface KeptServer {
  readonly name: string;
  /** Rejects if it cannot be started. */
  readonly started: Promise<void>;
  readonly stop: () => Promise<void>;
}

const restartDelayMs = 1_000;

/** Starts a server, and again after an end that nobody wanted. */
function keep(name: string, { url, start }: Prepared, output: Output): KeptServer {
  const stopping = new AbortController();
  let current: RunningServer | undefined;
  const run = async () => {
    const startMs = performance.now();
    const server = await start(stopping.signal);
    current = server;
    output.log('info', `${name} serves at ${url} after ${((performance.now() - startMs) / 1_000).toFixed(1)} s`);
    void server.ended.then(restart);
  };
  const restart = async () => {
    current = undefined;
    while (!stopping.signal.aborted && current === undefined) {
      output.log('error', `${name} at ${url} ended: starting it again`);
      await sleep(restartDelayMs);
      if (stopping.signal.aborted) return;
      starting = run();
      await starting.catch((error) => {
        if (!stopping.signal.aborted) output.log('error', messageOf(error));
      });
    }
  };
  let starting = run();
  // It may be reported later, while another server is prepared.
  starting.catch(() => undefined);
  const stop = async () => {
    stopping.abort();
    await starting.catch(() => undefined);
    await current?.stop();
  };
  return { name, started: starting, stop };
}

function running(child: Pick<GuardedProcess, 'ended' | 'end'>, signal: 'INT' | 'TERM'): RunningServer {
  return { ended: child.ended, stop: () => child.end(signal) };
}

function toStart(kinds: readonly ServerKind[], environment: NodeJS.ProcessEnv): ServerKind[] {
  return kinds.filter(({ variable }) => !environment[variable] && !environment[fileVariableOf({ variable })]);
}
