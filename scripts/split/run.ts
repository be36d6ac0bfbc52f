import { flushCompileCache } from 'node:module';
import { join, relative } from 'node:path';
import { type Config, readConfig } from '../../mesh/config/config.ts';
import { maskSecrets } from '../../mesh/config/mask-secrets.ts';
import { processSettings } from '../../mesh/config/process-settings.ts';
import { withSettingFiles } from '../../mesh/config/setting-files.ts';
import { contractDescriptors, readDeclaredServices } from '../../mesh/contract/declared-services.ts';
import { serviceNameOf } from '../../mesh/discovery/discovery.ts';
import { engineByName } from '../../mesh/engines/engines.ts';
import { messageOf } from '../../mesh/errors/error-text.ts';
import { keepPrivate } from '../../mesh/processes/keep-private.ts';
import { makeFolder } from '../../mesh/storage/make-folder.ts';
import { isFree } from '../../mesh/testing/servers/free-port.ts';
import { runnableServices } from '../../services/all.ts';
import { openSecured, type Secured } from '../secured/secured.ts';
import { connectionFault, connectionsOf } from './connections.ts';
import { listenForCommands } from './control.ts';
import { createOutput, type Output } from './output.ts';
import {
  defaultPoolSize,
  type PlannedProcess,
  type PlanOptions,
  parseReplicas,
  planMesh,
  type Replicas,
} from './plan.ts';
import { readSecretFiles } from './secret-files.ts';
import { createServers, missingParts, type Servers, serverFaults } from './servers.ts';
import { stopOnSignal } from './stop-signals.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';

/** Everything ended as it should. */
const exitEnded = 0;
/** Something was killed or ended with an error. */
const exitCutOff = 1;
/** The mesh could not start because of its settings or surroundings. */
const exitCannotStart = 2;

/** The service through which callers reach the others. */
const gateway = 'gateway';

/** The services of a split mesh. The edge is in the gateway. */
export const splitServices = runnableServices.filter(({ name, hasEdge }) => name === gateway || !hasEdge);

/** The socket on which the supervisor with this data folder takes commands. */
export function controlSocket(dataDir: string): string {
  // The length of its path is limited; from this folder it is usually shorter.
  const path = join(dataDir, 'split', 'control');
  const shorter = relative('', path);
  return shorter.length < path.length ? shorter : path;
}

interface Settings {
  readonly config: Config;
  readonly replicas: Replicas;
  /** How many connections to PostgreSQL the processes have. */
  readonly connections: number;
  /** As the processes inherit it. */
  readonly given: NodeJS.ProcessEnv;
  /** With the values of settings that are in files. */
  readonly environment: NodeJS.ProcessEnv;
  readonly secured: Secured;
}

/** What was started. */
interface Running {
  announced?: Disposable;
  servers?: Servers;
  supervisor?: Supervisor;
}

/**
 * Runs each service in processes of its own until a signal, on servers that it starts unless the settings name them. Returns the
 * exit code: 0 once everything has ended, 1 if something was cut off, 2 if the mesh could not start.
 */
export async function runSplit(environment: NodeJS.ProcessEnv): Promise<number> {
  ignoreLostReader();
  keepPrivate();
  const running: Running = {};
  const { stopping, stopRequested } = stopOnSignal(() => running.supervisor?.kill(), exitCutOff);
  try {
    const settings = await readSettings(environment);
    const { dataDir, logLevel } = settings.config;
    const output = createOutput({
      write: (text) => process.stderr.write(text),
      isJson: environment.LOG_FORMAT === 'json',
      hasColors: process.stderr.isTTY === true,
      level: logLevel,
    });
    makeFolder(join(dataDir, 'split'));
    using _commands = await listenForCommands(controlSocket(dataDir), ([name, ...targets], say) => {
      if (name !== 'restart') throw new Error(`unknown command ${name}: use restart`);
      if (running.supervisor === undefined) throw new Error('the split mesh is still starting: try again');
      return running.supervisor.restart(targets.length > 0 ? targets : ['all'], say);
    });
    try {
      await Promise.race([start(settings, running, output, stopping), stopRequested]);
      const signal = await stopRequested;
      output.log('info', `draining after ${signal}; a second signal, after at least a second, kills all processes`);
    } catch (error) {
      await end(running, output);
      throw error;
    }
    return (await end(running, output)) ? exitEnded : exitCutOff;
  } catch (error) {
    process.stderr.write(`cannot start: ${messageOf(error)}\n`);
    return exitCannotStart;
  }
}

/** A terminal that closes, or `| head`, stops reading the log: the mesh runs on, or drains. */
function ignoreLostReader(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

/** Starts the servers and the processes, and prints the line `ready`. Rejects once `stopping` is aborted. */
async function start(settings: Settings, running: Running, output: Output, stopping: AbortSignal): Promise<void> {
  const { config, replicas, connections, given, environment, secured } = settings;
  const startMs = performance.now();
  const { dataDir, drainTimeoutMs, grpcListen, httpListen } = config;
  running.servers = createServers({ environment, folder: join(dataDir, 'split'), connections, output });
  const urls = await running.servers.start();
  const services = splitServices.map(({ name }) => name);
  const planned = await planOnFreePorts({
    services: services.filter((name) => name !== gateway),
    ...(services.includes(gateway) && { gateway }),
    gatewayAddress: grpcListen,
    gatewayHttp: httpListen || 'off',
    replicas,
    dataDir,
    servers: urls,
    environment,
    settingsOf: secured.settingsOf,
  });
  const plan = planned.map((process) => readSecretFiles(process, given, environment));
  await keepCompiled(config);
  stopping.throwIfAborted();
  const supervisor = createSupervisor({ plan, gateway, output, drainTimeoutMs });
  running.supervisor = supervisor;
  output.log('info', `starting ${plan.length} processes`);
  await supervisor.start();
  stopping.throwIfAborted();
  const gatewayProcess = supervisor.processes.find((process) => process.plan.service === gateway);
  const address = gatewayProcess?.address() ?? grpcListen;
  const http = gatewayProcess?.httpAddress();
  running.announced = secured.announce([address, ...(http === undefined ? [] : [http])]);
  const { database, events, tasks } = urls;
  const shownUrls = `database=${maskSecrets(database)} events=${maskSecrets(events)} tasks=${maskSecrets(tasks)}`;
  const tookMs = Math.round(performance.now() - startMs);
  process.stdout.write(
    `ready grpc=${address}${http === undefined ? '' : ` http=${http}`} processes=${plan.length} data=${dataDir} ${shownUrls} pid=${process.pid} in ${tookMs} ms\n`,
  );
}

/**
 * Compiles what the processes load, so they find it. Otherwise each writes its own when it exits for the first time, which takes
 * many of them many seconds.
 */
async function keepCompiled({ grpcEngine }: Config): Promise<void> {
  await Promise.all([
    engineByName(grpcEngine),
    import('../../mesh/app/run-app.ts'),
    import('../../mesh/storage/postgres/postgres.ts'),
    import('../../mesh/tasks/rabbitmq/rabbitmq-tasks.ts'),
    import('../../services/notification/mail/file-mailer.ts'),
  ]);
  flushCompileCache();
}

/** Ends everything. Returns whether it ended as it should. */
async function end({ supervisor, servers, announced }: Running, output: Output): Promise<boolean> {
  announced?.[Symbol.dispose]();
  const problems = (await supervisor?.stop()) ?? [];
  await servers?.stop();
  for (const problem of problems) output.log('error', problem);
  output.log('info', 'stopped');
  return problems.length === 0;
}

/** Reads the settings that are for all processes. Throws with all faults. */
async function readSettings(given: NodeJS.ProcessEnv): Promise<Settings> {
  const services = splitServices.map(({ name }) => name);
  const contracts = await readDeclaredServices(contractDescriptors);
  const ofServices = runnableServices.flatMap((service) => service.settings);
  const environment = withSettingFiles(given, [...Object.values(processSettings), ...ofServices]);
  const config = readConfig(environment, {
    settings: ofServices,
    services: [...new Set(contracts.map(serviceNameOf))].toSorted(),
  });
  const replicas = parseReplicas(environment.REPLICAS || '2', services);
  const faults = serverFaults(environment);
  const missing = missingParts(environment);
  if (missing.length > 0) {
    const targets = missing.map((part) => `deps-${part}`).join(' ');
    faults.push(`servers are not installed: run "make ${targets}", or set DATABASE_URL, EVENTS_URL and TASKS_URL`);
  }
  if (typeof replicas === 'string') faults.push(replicas);
  if (!(await isFreeAddress(config.grpcListen)))
    faults.push(`${config.grpcListen} is in use: stop the mesh that listens there, or set GRPC_LISTEN`);
  if (config.httpListen !== '' && !(await isFreeAddress(config.httpListen)))
    faults.push(`${config.httpListen} is in use: stop what listens there, or set HTTP_LISTEN, which may be off`);
  if (typeof replicas === 'string' || faults.length > 0) throw new Error(faults.join('\n'));
  const poolSize = environment.DATABASE_POOL_SIZE ? config.databasePoolSize : defaultPoolSize;
  const connections = connectionsOf(services, replicas, poolSize);
  const { DATABASE_URL, DATABASE_DIRECT_URL } = environment;
  // A pooler shares the connections of the server among those of the processes.
  const fault = DATABASE_URL && !DATABASE_DIRECT_URL ? await connectionFault(DATABASE_URL, connections) : undefined;
  if (fault !== undefined) throw new Error(fault);
  const secured = await openSecured(environment, config.dataDir, services);
  return { config, replicas, connections, given, environment, secured };
}

/** Plans on ports that nobody uses. */
export async function planOnFreePorts(options: Omit<PlanOptions, 'takenPorts'>): Promise<readonly PlannedProcess[]> {
  const gatewayListens = [options.gatewayAddress, ...(options.gatewayHttp === 'off' ? [] : [options.gatewayHttp])];
  const takenPorts = new Set(gatewayListens.map(portOf));
  for (;;) {
    const plan = planMesh({ ...options, takenPorts });
    const ports = plan
      .flatMap(({ environment, successor }) => [environment, successor])
      .flatMap((settings) => [settings?.GRPC_LISTEN, settings?.METRICS_LISTEN, settings?.OPS_LISTEN])
      .filter((address) => address !== undefined && address !== options.gatewayAddress)
      .map((address = '') => portOf(address));
    const free = await Promise.all(ports.map((port) => isFree(port)));
    const taken = ports.filter((_, index) => !free[index]);
    if (taken.length === 0) return plan;
    for (const port of taken) takenPorts.add(port);
  }
}

function isFreeAddress(listen: string): Promise<boolean> {
  const host = listen.slice(0, listen.lastIndexOf(':'));
  return isFree(portOf(listen), host.replace(/^\[|\]$/g, ''));
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
