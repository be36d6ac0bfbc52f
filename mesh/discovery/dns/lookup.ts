import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { registryUnavailable, serviceUnknown } from '../errors.ts';
import { noSearch, parseResolvConf, type SearchRules, searchNames } from './search-names.ts';

/** What a service resolves to. */
export interface Found {
  /** `host:port`. */
  readonly addresses: readonly string[];
  /** For how long it holds, in seconds; `undefined` if that is not known. */
  readonly ttl: number | undefined;
  /** Lookups of one family that failed, of hosts that have addresses of the other one. */
  readonly failures: readonly FamilyFailure[];
}

interface FamilyFailure {
  readonly isV6: boolean;
  readonly error: unknown;
}

export interface LookupOptions {
  /** The DNS server for the log, without secrets. */
  readonly registry: string;
  /** `host:port` of the DNS server. `undefined`: those of the system. */
  readonly server: string | undefined;
  /** The name of A and AAAA records if there is a port, else of SRV records. */
  readonly name: string;
  readonly port: number | undefined;
  /** The file with the rules to complete names. */
  readonly resolvConf: string;
  /** For the log. */
  readonly service: string;
  /** The addresses of the last answer. */
  readonly last: readonly string[];
  readonly signal: AbortSignal;
}

/** Of one request to one server; c-ares sends three, each twice as long as the last. */
const timeoutMs = 1_000;
const maxTargets = 1_000;
const targetsAtOnce = 50;

const noRecords: ReadonlySet<string | undefined> = new Set(['ENOTFOUND', 'ENODATA']);

/**
 * Resolves the name of a service. Rejects with SERVICE_UNKNOWN if it has no records, and REGISTRY_UNAVAILABLE if no server
 * answers: another of the names to try may exist, but it need not be the one that was meant. The same if a server does not
 * answer for a family of which there were addresses.
 */
export async function lookUp({
  registry,
  server,
  name,
  port,
  resolvConf,
  service,
  last,
  signal,
}: LookupOptions): Promise<Found> {
  // A new one reads the servers of the system again, and has not given up on any.
  const resolver = new Resolver({ timeout: timeoutMs, tries: 3 });
  if (server !== undefined) resolver.setServers([server]);
  const cancel = () => resolver.cancel();
  signal.addEventListener('abort', cancel);
  try {
    const names = searchNames(name, await readRules(resolvConf));
    for (const each of names) {
      const found = await (port === undefined ? lookUpTargets(resolver, each) : lookUpHost(resolver, each, port));
      const lost = found?.failures.find(({ isV6 }) => last.some((address) => address.startsWith('[') === isV6));
      if (lost) throw lost.error;
      if (found) return found;
    }
    throw serviceUnknown({ registry, service, problem: `no records of ${names.join(', ')}` });
  } catch (error) {
    const code = codeOf(error);
    throw code === undefined ? error : registryUnavailable({ registry, problem: code }, { cause: error });
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

async function readRules(file: string): Promise<SearchRules> {
  try {
    return parseResolvConf(await readFile(file, 'utf8'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return noSearch;
    throw error;
  }
}

/** The addresses of a host, of both families; `undefined` if it has none. */
async function lookUpHost(resolver: Resolver, name: string, port: number): Promise<Found | undefined> {
  const [one, other] = await Promise.allSettled([
    recordsOf(resolver.resolve4(name, { ttl: true })),
    recordsOf(resolver.resolve6(name, { ttl: true })),
  ]);
  // Some servers answer for one family only.
  const failures = [one, other].flatMap((family, index) =>
    family.status === 'rejected' ? [{ isV6: index === 1, error: family.reason as unknown }] : [],
  );
  const v4 = one.status === 'fulfilled' ? one.value : [];
  const v6 = other.status === 'fulfilled' ? other.value : [];
  if (failures[0] && v4.length + v6.length === 0) throw failures[0].error;
  const records = [...v4, ...v6];
  if (records.length === 0) return undefined;
  return {
    addresses: [...v4.map(({ address }) => `${address}:${port}`), ...v6.map(({ address }) => `[${address}]:${port}`)],
    ttl: Math.min(...records.map(({ ttl }) => ttl)),
    failures,
  };
}

/** The addresses of the targets with the lowest priority; weights are not used. Node gives no TTL of SRV records. */
async function lookUpTargets(resolver: Resolver, name: string): Promise<Found | undefined> {
  const records = await recordsOf(resolver.resolveSrv(name));
  const priority = Math.min(...records.map((record) => record.priority));
  // A single target `.` (an empty name) says that the service is not offered here.
  const targets = records.filter((record) => record.priority === priority && record.name !== '').slice(0, maxTargets);
  const found: Found[] = [];
  for (let start = 0; start < targets.length; start += targetsAtOnce) {
    const some = targets.slice(start, start + targetsAtOnce);
    const hosts = await Promise.all(some.map((target) => lookUpHost(resolver, target.name, target.port)));
    found.push(...hosts.filter((host) => host !== undefined));
  }
  if (found.length === 0) return undefined;
  const ttls = found.map(({ ttl }) => ttl).filter((ttl) => ttl !== undefined);
  return {
    addresses: found.flatMap(({ addresses }) => addresses),
    ttl: ttls.length > 0 ? Math.min(...ttls) : undefined,
    failures: found.flatMap(({ failures }) => failures),
  };
}

/** No records are an answer; anything else is a failure. */
async function recordsOf<Type>(query: Promise<readonly Type[]>): Promise<readonly Type[]> {
  try {
    return await query;
  } catch (error) {
    if (noRecords.has(codeOf(error))) return [];
    throw error;
  }
}

/** The code of an error of DNS or of a file. */
function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
