import { type BackgroundAudits, createProcessAudits } from '../audit/background-audits.ts';
import { dialAddress } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import { sharedDnsName } from '../config/discovery-url.ts';
import { contractDescriptors, readDeclaredServices } from '../contract/declared-services.ts';
import type { Registration } from '../discovery/discovery.ts';
import { watchExpiry } from '../security/tls/expiry.ts';
import type { ProcessTls } from '../security/tls/process-tls.ts';
import { openServerTrusts } from '../security/tls/server-trusts.ts';
import { createTlsStates, measureTlsFiles } from '../security/tls/tls-states.ts';
import { createServer } from '../server/create-server.ts';
import type { Health } from '../server/health/health.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { openAuthentication } from './authentication.ts';
import { registerBacklogMetrics } from './backlog-metrics.ts';
import { buildServices, startServices } from './build-services.ts';
import type { DataFolder } from './data/data-folder.ts';
import { refuseToLeaveWork } from './data/left-work.ts';
import { openDatabases } from './data/open-databases.ts';
import { listenForHttp } from './edge.ts';
import { openForwarding } from './forwarding.ts';
import { watchHealth } from './health-watch.ts';
import { openNetwork } from './network.ts';
import { serveOwn } from './own-server.ts';
import { processInfo } from './process-info.ts';
import { checkAdvertised, describeSelf, findServices } from './registry.ts';
import { createMetrics, openRuntime } from './runtime.ts';
import { serveMetrics } from './serve-metrics.ts';
import { serverLimits } from './server-limits.ts';
import type { Runtime, Service, ServiceDefinition } from './service/service.ts';
import type { Shutdown } from './shutdown.ts';
import { checkAddresses, checkCallers, processNames } from './start-checks.ts';

const oneName =
  'all services are looked up at one DNS name: use <service> in DISCOVERY_URL, unless one address has them all';

const answeredHere = 'calls to services of this process stay inside it: their addresses in DISCOVERY_URL are ignored';

/** What a process is assembled from. */
export interface AppParts {
  readonly config: Config;
  readonly definitions: readonly ServiceDefinition[];
  readonly dataFolder: DataFolder;
  readonly health: Health;
  readonly draining: AbortSignal;
  /** Ends everything that was opened, even if the start fails halfway. */
  readonly shutdown: Shutdown;
  /** `undefined`: no connection is encrypted. */
  readonly tls: ProcessTls | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A process that serves. */
export interface OpenApp {
  readonly runtime: Runtime;
  readonly services: readonly Service[];
  /** `host:port` at which this machine can call it. */
  readonly address: string;
  /** `host:port` at which this machine can call it over HTTP; `undefined` if it has no edge or `HTTP_LISTEN` is off. */
  readonly httpAddress: string | undefined;
  /** `host:port` at which this machine can read its metrics; `undefined` if `METRICS_LISTEN` is empty. */
  readonly metricsAddress: string | undefined;
  /** Enters it into the registry, as soon as that answers. `undefined` if the registry takes no entries. */
  readonly register: () => Registration | undefined;
}

/**
 * Opens what services depend on, builds them, listens, starts their background work, and resolves once all of it has been
 * checked. Everything it opens is added to the shutdown immediately.
 */
export async function openApp(parts: AppParts): Promise<OpenApp> {
  const { config, definitions, dataFolder, health, draining, shutdown, tls, clock, logger } = parts;
  if (dataFolder.wasAbandoned) logger.info('the previous run did not shut down cleanly; resuming accepted work');
  // Operator commands open an app without services, for its databases.
  const isStateless = definitions.length > 0 && definitions.every((definition) => definition.isStateless);
  const tlsStates = createTlsStates();
  const info = processInfo(config, isStateless, tlsStates);
  const metrics = createMetrics(clock, logger, info);
  if (tls) tlsStates.add(tls);
  const trusts = openServerTrusts(config, tls, { clock, logger });
  tlsStates.add(trusts);
  shutdown.add('resources', 'files of authorities', async () => trusts.close());
  const authentication = await openAuthentication({ config, trusts, clock, logger, metrics, shutdown });
  const hasEdge = definitions.some((definition) => definition.hasEdge);
  const network = await openNetwork({ config, tls, trusts, hasEdge, clock, logger, metrics });
  const { engine, discovery, endpoints, directory } = network;
  shutdown.add('resources', 'discovery', () => discovery.close());
  const databases = openDatabases(dataFolder, logger, config, trusts.of(config.databaseCa));
  const build = async () => {
    const { open: openDatabase, fileIdOf } = databases;
    const runtime = await openRuntime({
      ...parts,
      trusts,
      info,
      metrics,
      openDatabase,
      fileIdOf,
      isStateless,
      directory,
      endpoints,
      writeIdentity: authentication?.writeIdentity,
    });
    const files = auditFiles(runtime);
    const auditors = () => [...services.flatMap(({ auditor }) => auditor ?? []), files.auditor];
    const services: Service[] = [];
    await buildServices(services, runtime, { definitions, directory, auditors, shutdown, draining });
    return { runtime, services, files };
  };
  if (!isStateless) databases.checkKinds(definitions.map(({ name }) => name));
  if (definitions.length > 0 && !isStateless) await refuseToLeaveWork(config, dataFolder.manifest);
  const { runtime, services, files } = await build().finally(databases.reportFound);
  if (definitions.length > 0) databases.reportUnopened();
  const declared = await readDeclaredServices(contractDescriptors);
  checkAddresses(config.discovery, directory, declared);
  const findable = services.filter(({ isLocal }) => !isLocal).flatMap((service) => service.serves);
  // Operator commands have the certificate of the service whose data they read.
  if (definitions.length > 0) tls?.requireOwnName(processNames(findable, { definitions, declared }));
  if (authentication && tls?.isMutual) checkCallers(directory, { ownService: tls.service, definitions, services });
  // A gateway is not in any registry.
  if (findable.length > 0) checkAdvertised(config);
  const shadowed = directory.shadowed();
  if (shadowed.length > 0) logger.info({ services: shadowed }, answeredHere);
  const name = sharedDnsName(config.discovery);
  const called = directory.called();
  if (name !== undefined && called.length > 1) logger.warn({ name, services: called }, oneName);
  registerBacklogMetrics(services, runtime);
  endpoints.measure(runtime.metrics);
  const metricsAddress = await serveMetrics(runtime, { shutdown, tls });
  const limits = serverLimits(config);
  const authenticator = authentication?.authenticator('grpc');
  const served = await serveOwn(services, { ...limits, authenticator, config, tls, shutdown, engine, clock, logger });
  await findServices(called, { endpoints, draining });
  const serves = served.flatMap((service) => service.serves);
  const forwarding = await openForwarding(served, {
    ...parts,
    authenticator: authentication?.authenticator('gateway'),
    engine,
    endpoints,
    discovery,
    metrics,
  });
  if (forwarding) shutdown.add('resources', 'forwarding', async () => forwarding.close());
  const server = createServer({
    ...limits,
    tls: tls?.server,
    engine,
    authenticator,
    serves,
    health,
    clock,
    logger,
    metrics,
    forwarder: forwarding?.forwarder,
    reflection: forwarding?.reflection,
  });
  for (const { name, stop } of services) if (stop) shutdown.add('work', name, stop);
  // In one order in all processes, so two that start together do not exclude each other.
  for (const service of services.toSorted((a, b) => (a.name < b.name ? -1 : 1))) await service.claim?.();
  const edge = await listenForHttp(definitions, {
    ...runtime,
    directory,
    connectLocal: network.connectLocal,
    authentication,
    tls,
    tlsStates,
    shutdown,
  });
  if (tlsStates.files().length > 0) measureTlsFiles(tlsStates, metrics);
  if (tlsStates.expiries().length > 0) {
    const endExpiryWatch = watchExpiry(tlsStates.expiries, { clock, logger, metrics });
    shutdown.add('resources', 'expiry of TLS', async () => endExpiryWatch());
  }
  if (definitions.length > 0) dataFolder.manifest.recordServing();
  const port = await server.listen(config.grpcListen);
  shutdown.add('calls', 'calls in progress', (graceMs) => server.drain(graceMs));
  const address = dialAddress(config.grpcListen, port);
  // A name may also be that of an address where another program listens, which must not get calls with the secret of the process.
  network.address = dialAddress(server.boundAddress ?? address, port);
  edge?.open();
  draining.throwIfAborted();
  shutdown.add('work', 'audits of files', files.stop);
  await startServices(services);
  await files.start();
  const endWatch = await watchHealth({
    services: served,
    brokers: isStateless ? undefined : runtime,
    health,
    clock,
    logger,
  });
  shutdown.add('work', 'health checks', endWatch);
  const self = describeSelf(config, port, findable, info.version);
  const register = () => (findable.length > 0 ? discovery.register?.(self) : undefined);
  return { runtime, services, address, httpAddress: edge?.address, metricsAddress, register };
}

/** The files of a process are its own, so each process checks them. */
function auditFiles({ audits: checks, config, metrics, clock, logger }: Runtime): BackgroundAudits {
  const options = { service: 'storage', checks, intervalMs: config.auditIntervalMs };
  return createProcessAudits({ ...options, metrics, clock, logger });
}
