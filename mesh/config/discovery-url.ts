import { parseAddress } from './address.ts';
import { milliseconds, oneAddress, portOf, readHierarchy, UrlFault } from './discovery-url-parts.ts';
import { readStaticAddresses, type StaticAddresses } from './static-addresses.ts';

/** How services are found, as `DISCOVERY_URL` says. */
export type DiscoveryUrl = StaticUrl | DnsUrl | KubernetesDnsUrl | KubernetesUrl | ConsulUrl | EurekaUrl;

export interface StaticUrl {
  readonly scheme: 'static';
  readonly addresses: StaticAddresses;
}

export interface DnsUrl {
  readonly scheme: 'dns';
  /** `host:port` of the DNS server, its host an IP address. `undefined`: those of the system. */
  readonly server: string | undefined;
  /** `<service>` in it is replaced. */
  readonly name: string;
  /** `undefined`: the name is that of SRV records, which have a port each. */
  readonly port: number | undefined;
}

export interface KubernetesDnsUrl {
  readonly scheme: 'k8s';
  /** `undefined`: the one of this process. */
  readonly namespace: string | undefined;
  readonly port: number;
}

export interface KubernetesUrl {
  readonly scheme: 'k8s-api';
  /** `host:port` of the API server. `undefined`: the one of the cluster in which this process runs. */
  readonly server: string | undefined;
  /** `undefined`: the one of this process. */
  readonly namespace: string | undefined;
  /** `undefined`: those of the service account of this process. */
  readonly tokenFile: string | undefined;
  readonly caFile: string | undefined;
}

/** How a registry is reached over TLS. */
export interface RegistryTls {
  /** PEM file of the authorities that may sign its certificate. `undefined`: those of Node. */
  readonly caFile: string | undefined;
}

export interface ConsulUrl {
  readonly scheme: 'consul';
  /** `undefined`: over plain HTTP. */
  readonly tls: RegistryTls | undefined;
  /** `host:port` of an agent. */
  readonly agent: string;
  /** `undefined`: the one of the agent. */
  readonly datacenter: string | undefined;
  readonly tokenFile: string | undefined;
}

export interface EurekaUrl {
  readonly scheme: 'eureka';
  /** `undefined`: over plain HTTP. */
  readonly tls: RegistryTls | undefined;
  /** `host:port` of each server: peers that replicate each other. */
  readonly servers: readonly string[];
  /** Of the REST API: `/eureka`. */
  readonly path: string;
  readonly user: { readonly name: string; readonly password: string } | undefined;
  /** How often the entry of this process is renewed. The server drops it after three times as long. */
  readonly renewMs: number;
  /** How often the instances are fetched. */
  readonly fetchMs: number;
}

export const discoveryForms =
  'static:<service>=<host>:<port>,…, dns:<name>:<port>, k8s:, k8s-api:, consul://<host>:<port> or eureka://<host>:<port>';

const dnsPort = 53;
const kubernetesPort = 50_051;
const eurekaPath = '/eureka';

const readers: Readonly<Record<string, (text: string) => DiscoveryUrl>> = {
  static: (text) => ({ scheme: 'static', addresses: readStaticAddresses(text) }),
  dns: readDns,
  k8s: readKubernetesDns,
  'k8s-api': readKubernetes,
  consul: readConsul,
  'consul+https': readConsul,
  eureka: readEureka,
  'eureka+https': readEureka,
};

/** Reads a URL of `DISCOVERY_URL`; `undefined` if it is not valid. */
export function parseDiscoveryUrl(text: string): DiscoveryUrl | undefined {
  const read = readUrl(text);
  return read instanceof UrlFault ? undefined : read;
}

/** Returns what is wrong with the text, to follow its value: "has no port: …"; `undefined` if nothing is. */
export function discoveryUrlProblem(text: string): string | undefined {
  const read = readUrl(text);
  return read instanceof UrlFault ? read.message : undefined;
}

/** Returns the DNS name at which all services are looked up; `undefined` if each has a name of its own. */
export function sharedDnsName(url: DiscoveryUrl): string | undefined {
  return url.scheme === 'dns' && !url.name.includes('<service>') ? url.name : undefined;
}

function readUrl(text: string): DiscoveryUrl | UrlFault {
  try {
    const scheme = text.slice(0, Math.max(0, text.indexOf(':')));
    const read = Object.hasOwn(readers, scheme) ? readers[scheme] : undefined;
    if (!read) throw new UrlFault(`begins with no known scheme: use ${discoveryForms}`);
    return read(text);
  } catch (error) {
    if (error instanceof UrlFault) return error;
    throw error;
  }
}

/** In the forms of gRPC: `dns:name:port`, `dns:///name:port`, `dns://server:port/name:port`. */
function readDns(text: string): DnsUrl {
  const [, server = '', target = ''] = /^dns:(?:\/\/([^/]*)\/)?(.*)$/s.exec(text) ?? [];
  if (target.startsWith('_'))
    return { scheme: 'dns', server: dnsServer(server), name: dnsName(target), port: undefined };
  const [, name = '', digits] = /^(.*?)(?::(\d+))?$/s.exec(target) ?? [];
  if (digits === undefined)
    throw new UrlFault('has no port: use dns:<name>:<port>, or the name of SRV records such as dns:_grpc._tcp.<name>');
  return { scheme: 'dns', server: dnsServer(server), name: dnsName(name), port: portOf(digits) };
}

/** Resolving the name of a DNS server needs a DNS server. */
function dnsServer(text: string): string | undefined {
  if (text === '') return undefined;
  const isAddress = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\])(:\d+)?$/.test(text);
  const server = /\]$|^[\d.]+$/.test(text) ? `${text}:${dnsPort}` : text;
  if (!isAddress || parseAddress(server) === undefined)
    throw new UrlFault(
      `has the DNS server ${JSON.stringify(text)}: use its IP address, dns://<address>:<port>/<name>:<port>`,
    );
  return server;
}

function dnsName(text: string): string {
  const name = text.replaceAll('<service>', 'service');
  const isName = name.length <= 253 && /^[a-z0-9_]([a-z0-9_-]*)(\.[a-z0-9_]([a-z0-9_-]*))*\.?$/i.test(name);
  if (!isName || name.split('.').some((label) => label.length > 63))
    throw new UrlFault(
      'has a DNS name that is not valid: use letters, digits, hyphens and dots, and <service> for the name of the service',
    );
  return text;
}

/** `k8s:[<namespace>][:<port>]`. */
function readKubernetesDns(text: string): KubernetesDnsUrl {
  const [matched, namespace = '', digits] = /^k8s:([a-z0-9-]{0,63})(?::(\d+))?$/.exec(text) ?? [];
  if (matched === undefined) throw new UrlFault('is not k8s:, k8s:<namespace> or k8s:<namespace>:<port>');
  return {
    scheme: 'k8s',
    namespace: namespace || undefined,
    port: digits === undefined ? kubernetesPort : portOf(digits),
  };
}

/** `k8s-api:[<namespace>]`, or `k8s-api://<host>:<port>[/<namespace>][?token_file=…&ca_file=…]`. */
function readKubernetes(text: string): KubernetesUrl {
  const inside = /^k8s-api:([a-z0-9-]{0,63})$/.exec(text);
  if (inside) {
    const none = { server: undefined, tokenFile: undefined, caFile: undefined };
    return { scheme: 'k8s-api', namespace: inside[1] || undefined, ...none };
  }
  const { hosts, path, query } = readHierarchy(text, ['token_file', 'ca_file']);
  const namespace = path.slice(1);
  if (!/^[a-z0-9-]{0,63}$/.test(namespace)) throw new UrlFault(`has ${JSON.stringify(namespace)} as a namespace`);
  return {
    scheme: 'k8s-api',
    server: oneAddress(hosts),
    namespace: namespace || undefined,
    tokenFile: query.get('token_file'),
    caFile: query.get('ca_file'),
  };
}

/** The parameters of a URL that may begin with `<scheme>+https:`. */
function withTls(text: string, parameters: readonly string[]): readonly string[] {
  return isHttps(text) ? [...parameters, 'ca_file'] : parameters;
}

function tlsOf(text: string, query: ReadonlyMap<string, string>): RegistryTls | undefined {
  return isHttps(text) ? { caFile: query.get('ca_file') } : undefined;
}

function isHttps(text: string): boolean {
  return /^[a-z]+\+https:/.test(text);
}

/** `consul[+https]://<host>:<port>[?dc=…&token_file=…&ca_file=…]`. */
function readConsul(text: string): ConsulUrl {
  const { hosts, path, query } = readHierarchy(text, withTls(text, ['dc', 'token_file']));
  if (path !== '' && path !== '/') throw new UrlFault(`has the path ${path}: use consul://<host>:<port>`);
  return {
    scheme: 'consul',
    tls: tlsOf(text, query),
    agent: oneAddress(hosts),
    datacenter: query.get('dc'),
    tokenFile: query.get('token_file'),
  };
}

/** `eureka[+https]://[<user>:<password>@]<host>:<port>,…[/<path>][?renew_ms=…&fetch_ms=…&ca_file=…]`. */
function readEureka(text: string): EurekaUrl {
  const { user, hosts, path, query } = readHierarchy(text, withTls(text, ['renew_ms', 'fetch_ms']));
  return {
    scheme: 'eureka',
    tls: tlsOf(text, query),
    servers: hosts.split(',').map(oneAddress),
    path: path === '' || path === '/' ? eurekaPath : path.replace(/\/$/, ''),
    user,
    renewMs: milliseconds(query, 'renew_ms', { byDefault: 10_000, min: 1_000, max: 300_000 }),
    fetchMs: milliseconds(query, 'fetch_ms', { byDefault: 2_000, min: 500, max: 300_000 }),
  };
}
