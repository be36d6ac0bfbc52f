import type { EndpointSource } from '../balancing/endpoint-source.ts';
import { createClientFactory } from '../client/client-factory.ts';
import { dialAddress, isLocal } from '../config/address.ts';
import type { HttpHosts } from '../config/http-hosts.ts';
import { processSettings } from '../config/process-settings.ts';
import { contractDescriptors, contractOpenApi } from '../contract/declared-services.ts';
import { serviceNameOf } from '../discovery/discovery.ts';
import { writePassedOn } from '../security/identity/outbound-identity.ts';
import { openHttpIdentity } from '../security/tls/http-tls.ts';
import type { ProcessTls } from '../security/tls/process-tls.ts';
import type { TlsStates } from '../security/tls/tls-states.ts';
import type { Authentication } from './authentication.ts';
import type { Directory } from './directory.ts';
import type { Runtime, ServiceDefinition } from './service/service.ts';
import type { Shutdown } from './shutdown.ts';

const withoutEdge =
  'HTTP_LISTEN is ignored: this process has no edge, so it serves no HTTP; the whole mesh, the gateway and the service edge do';

export interface HttpParts
  extends Pick<Runtime, 'config' | 'endpoints' | 'health' | 'draining' | 'clock' | 'logger' | 'metrics'> {
  readonly directory: Directory;
  /** Opens connections to this process that no one else uses. */
  readonly connectLocal: () => EndpointSource;
  /** `undefined`: requests are not authenticated. */
  readonly authentication: Authentication | undefined;
  /** `undefined`: the process has no certificate. */
  readonly tls: ProcessTls | undefined;
  readonly tlsStates: Pick<TlsStates, 'add'>;
  readonly shutdown: Pick<Shutdown, 'add'>;
}

/** The HTTP listener of a process. */
export interface OpenEdge {
  /** `host:port` at which this machine can call it. */
  readonly address: string;
  /** Answers the requests that have arrived, and all further ones. */
  open(): void;
}

/**
 * Listens on `HTTP_LISTEN` if a service of the process has the edge; `undefined` if none has, or the setting is `off`. Call it
 * before the process listens for gRPC, so one that cannot listen has accepted no call; `open` it after that.
 */
export async function listenForHttp(
  definitions: readonly ServiceDefinition[],
  { directory, connectLocal, authentication, tls, tlsStates, shutdown, ...runtime }: HttpParts,
): Promise<OpenEdge | undefined> {
  const { config, endpoints, clock, logger } = runtime;
  const listen = config.httpListen;
  if (!definitions.some(({ hasEdge }) => hasEdge)) {
    // Operator commands have no services, and may have the settings of the mesh.
    if (isChosen(listen) && definitions.length > 0) logger.warn({ listen }, withoutEdge);
    return undefined;
  }
  if (listen === '') return undefined;
  // Callers of a service take turns by connection: those over HTTP do not delay the services of this process.
  const own = connectLocal();
  const pick: EndpointSource['pick'] = (contract, tried, isStream) =>
    directory.isLocal(contract) ? own.pick(contract) : directory.pick(contract, tried, isStream);
  const clients = createClientFactory({
    endpoints: { found: directory.found, pick, close: own.close },
    writeIdentity: authentication?.writeIdentity ?? writePassedOn,
    clock,
    logger,
  });
  shutdown.add('resources', 'clients of HTTP', () => clients.close());
  // Most processes serve no HTTP, so they start without its packages.
  const { createEdge } = await import('../edge/edge.ts');
  const certificate = openHttpIdentity(config, tls, { clock, logger });
  if (certificate) {
    tlsStates.add(certificate);
    shutdown.add('resources', 'TLS files of HTTP', async () => certificate.close());
  }
  const edge = createEdge({
    ...runtime,
    tls: certificate && { identity: certificate.identity, minVersion: config.tlsMinVersion },
    client: clients.client,
    descriptors: contractDescriptors,
    openApi: contractOpenApi,
    has: directory.has,
    instancesOf: (contract) => {
      if (directory.isLocal(contract) || !directory.has(contract)) return 1;
      return endpoints.of(serviceNameOf(contract)).endpoints(contract).length;
    },
    maxWaitingBytes: config.grpcMaxWaitingBytes,
    metadataHeaders: config.httpMetadata,
    connections: { all: config.httpMaxConnections, ofAddress: config.httpMaxConnectionsPerAddress },
    corsOrigins: config.httpCorsOrigins,
    hosts: hostsOf(config),
    authenticator: authentication?.authenticator('http'),
  });
  const port = await edge.listen(listen);
  // It makes calls, so it ends before the server that answers them.
  shutdown.add('work', 'HTTP requests in progress', (graceMs) => edge.drain(graceMs));
  return { address: dialAddress(listen, port), open: edge.open };
}

/**
 * Whether somebody chose where this process listens. An image has one setting for all that may run in it, with the default port on
 * all addresses.
 */
function isChosen(listen: string): boolean {
  const portOf = (address: string) => address.slice(address.lastIndexOf(':'));
  return listen !== '' && portOf(listen) !== portOf(processSettings.httpListen.default);
}

/** Without `HTTP_HOSTS`, a listener that others can reach has names that only its operator knows, so any is allowed. */
function hostsOf({ httpHosts, httpListen }: Runtime['config']): HttpHosts {
  const isUnset = httpHosts !== '*' && httpHosts.size === 0;
  return isUnset && !isLocal(httpListen) ? '*' : httpHosts;
}
