import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { type Config, ConfigError, databaseUrlOf } from '../config/config.ts';
import type { DiscoveryUrl } from '../config/discovery-url.ts';
import { processSettings } from '../config/process-settings.ts';
import type { ConfigFault } from '../config/setting.ts';
import { unknownServices } from '../config/static-addresses.ts';
import { fullNameOf } from '../contract/contract.ts';
import { gatewayName, serviceNameOf } from '../discovery/discovery.ts';
import { listenError, parseListenAddress } from '../engines/listen-address.ts';
import type { ProcessNames } from '../security/tls/own-name.ts';
import type { ServedContract } from '../server/serve.ts';
import type { Directory } from './directory.ts';
import { databaseShared } from './errors.ts';
import type { Service, ServiceDefinition } from './service/service.ts';

/**
 * Throws FAILED_PRECONDITION `DATABASE_SHARED` if `DATABASE_URL` names one database for `count` services: each has tables of
 * the same names (outbox, inbox, ...).
 */
export function checkDatabases(config: Config, count: number): void {
  if (count > 1 && databaseUrlOf(config, 'a') === databaseUrlOf(config, 'b'))
    throw databaseShared({ sharers: 'several services' });
}

/**
 * Throws a ConfigError that names both settings if two listeners of a process would have the same address. Without this, one would
 * report that its own process listens there.
 */
export function checkDistinctListeners(
  { grpcListen, httpListen, metricsListen }: ListenSettings,
  hasEdge: boolean,
): void {
  const listeners = [
    { ...processSettings.grpcListen, address: grpcListen },
    { ...processSettings.httpListen, address: hasEdge ? httpListen : '' },
    { ...processSettings.metricsListen, address: metricsListen },
  ].filter(({ address }) => address !== '');
  const faults = listeners.flatMap(({ variable, address }, index) => {
    const other = listeners.slice(0, index).find((each) => isSameAddress(each.address, address));
    if (other === undefined) return [];
    return [{ variable, problem: `is ${address}, which ${other.variable}=${other.address} has: choose another port` }];
  });
  if (faults.length > 0) throw new ConfigError(faults);
}

const wildcards: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Whether only one of two listeners can have its address. Port 0 is another one for each. */
function isSameAddress(one: string, other: string): boolean {
  const [a, b] = [parseListenAddress(one), parseListenAddress(other)];
  return a.port === b.port && a.port !== 0 && (a.host === b.host || wildcards.has(a.host) || wildcards.has(b.host));
}

type ListenSettings = Pick<Config, 'grpcListen' | 'httpListen' | 'metricsListen'>;

/**
 * Rejects as a listener would if it cannot listen on an address of the settings. It releases all addresses again: nobody may
 * connect before the process serves. A worker of `node:cluster` does not try: others may serve on the same socket, and it would take
 * connections from them.
 */
export async function checkListen(
  { grpcListen, httpListen, metricsListen }: ListenSettings,
  hasEdge: boolean,
): Promise<void> {
  if (cluster.isWorker) return;
  const held: Server[] = [];
  try {
    held.push(await hold(grpcListen, processSettings.grpcListen.variable));
    if (hasEdge && httpListen !== '') held.push(await hold(httpListen, processSettings.httpListen.variable));
    if (metricsListen !== '') held.push(await hold(metricsListen, processSettings.metricsListen.variable));
  } finally {
    await Promise.all(held.map(release));
  }
}

async function hold(address: string, setting: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(parseListenAddress(address));
  await once(server, 'listening').catch((error) => Promise.reject(listenError(address, error, setting)));
  return server;
}

function release(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/**
 * Throws a ConfigError that names every service that this process calls and cannot find, and every address under a name that
 * no service has. `declared` are the contracts of the project; a name outside of it is known if this process calls it.
 */
export function checkAddresses(url: DiscoveryUrl, directory: Directory, declared: readonly string[]): void {
  const known = [...new Set([...declared.map(serviceNameOf), ...directory.names(), gatewayName])].toSorted();
  const unknown = url.scheme === 'static' ? unknownServices(url.addresses, known) : [];
  const faults = [...unknown, ...missingAddresses(directory)];
  if (faults.length > 0) throw new ConfigError(faults);
}

interface CallersOptions {
  /** The service that the certificate of this process names. */
  readonly ownService: string | undefined;
  readonly definitions: readonly Pick<ServiceDefinition, 'name' | 'observesProcess'>[];
  readonly services: readonly Pick<Service, 'name' | 'serves'>[];
}

/**
 * Throws a ConfigError if services of this process call others outside of it with a certificate that does not name them:
 * once calls are authenticated, each would be refused, or have the rights of another service. An operations service
 * calls on behalf of operators, who have a right of their own.
 */
export function checkCallers(
  directory: Pick<Directory, 'callers'>,
  { ownService, definitions, services }: CallersOptions,
): void {
  const forOperators = definitions.filter((one) => one.observesProcess).map(({ name }) => name);
  // A certificate names a service as discovery does.
  const named = services.filter(({ serves }) => serves.some(({ contract }) => nameOf(contract) === ownService));
  const permitted = new Set([ownService, ...forOperators, ...named.map(({ name }) => name)]);
  const callers = [...directory.callers()].filter((name) => !permitted.has(name)).toSorted();
  if (callers.length === 0) return;
  const names = callers.join(', ');
  const certificate =
    ownService === undefined ? 'a certificate that names no service' : `the certificate of ${ownService}`;
  const problem =
    `has ${certificate}, with which calls of ${names} to other processes are refused, as ` +
    `AUTH_JWKS is set: run ${callers.length === 1 ? 'it' : 'each of them'} in a process of its own with its own ` +
    'certificate, or all that it calls in this one';
  throw new ConfigError([{ variable: processSettings.tlsCert.variable, problem }]);
}

interface NamesOptions {
  readonly definitions: readonly Pick<ServiceDefinition, 'name' | 'isLocal'>[];
  /** The contracts of the project. */
  readonly declared: readonly string[];
}

/** Returns as which services a process may present itself that others find by these contracts. */
export function processNames(
  findable: readonly ServedContract[],
  { definitions, declared }: NamesOptions,
): ProcessNames {
  const found = findable.map(({ contract }) => nameOf(contract));
  const defined = definitions.filter(({ isLocal }) => !isLocal).map(({ name }) => name);
  const own = new Set([...found, ...(found.length > 0 ? [] : defined)]);
  return {
    own: [...own, gatewayName],
    isCalled: found.length > 0,
    known: new Set([...declared.map(serviceNameOf), gatewayName]),
  };
}

/** The name of the service that serves a contract, as discovery and certificates have it. */
function nameOf(contract: ServedContract['contract']): string {
  return serviceNameOf(fullNameOf(contract));
}

function missingAddresses(directory: Directory): ConfigFault[] {
  const callers = new Map<string, Set<string>>();
  for (const [contract, services] of directory.missing()) {
    const name = serviceNameOf(contract);
    callers.set(name, new Set([...(callers.get(name) ?? []), ...services]));
  }
  return [...callers].map(([name, services]) => ({
    variable: 'DISCOVERY_URL',
    problem: `has no address of ${name}, which ${[...services].join(' and ')} calls and this process does not run: add ${name}=<host>:<port>`,
  }));
}
