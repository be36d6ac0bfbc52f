import { isLocal } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import { parseKafkaUrl } from '../config/kafka-url.ts';
import type { Logger } from '../telemetry/logger.ts';

type Urls = Pick<
  Config,
  'tlsCert' | 'tlsCa' | 'databaseUrl' | 'databaseDirectUrl' | 'databaseCa' | 'eventsUrl' | 'tasksUrl' | 'discovery'
>;

/**
 * Returns the settings whose password anybody on the way to its server can read, because it is on another machine and
 * the URL does not ask for TLS. The mail server is none: it gets a password over TLS only.
 */
export function plainPasswords(urls: Urls): string[] {
  const { databaseUrl, databaseDirectUrl, eventsUrl, tasksUrl, discovery } = urls;
  const isOpenDatabase = (url: string) => hasRemotePassword(url, postgres) && isOpenPostgres(url, urls);
  const kafka = eventsUrl.startsWith('kafka:') ? parseKafkaUrl(eventsUrl) : undefined;
  const isOpenRegistry = discovery.scheme === 'eureka' && discovery.user !== undefined && discovery.tls === undefined;
  return [
    ...(isOpenDatabase(databaseUrl) ? ['DATABASE_URL'] : []),
    ...(isOpenDatabase(databaseDirectUrl) ? ['DATABASE_DIRECT_URL'] : []),
    ...(kafka?.sasl?.mechanism === 'plain' && !kafka.brokers.every(isLocal) ? ['EVENTS_URL'] : []),
    ...(hasRemotePassword(tasksUrl, /^amqp:/) ? ['TASKS_URL'] : []),
    ...(isOpenRegistry && !discovery.servers.every(isLocal) ? ['DISCOVERY_URL'] : []),
  ];
}

/**
 * Returns the settings whose server is on another machine and is reached without TLS, with a password or not: orders,
 * addresses and the callers of sagas go there.
 */
export function plainServers(urls: Urls): string[] {
  const { databaseUrl, databaseDirectUrl, eventsUrl, tasksUrl, discovery } = urls;
  const isOpenDatabase = (url: string) => remoteUrl(url, postgres) !== undefined && isOpenPostgres(url, urls);
  const kafka = eventsUrl.startsWith('kafka:') ? parseKafkaUrl(eventsUrl) : undefined;
  const isOpenRegistry = discovery.scheme === 'eureka' && discovery.tls === undefined;
  return [
    ...(isOpenDatabase(databaseUrl) ? ['DATABASE_URL'] : []),
    ...(isOpenDatabase(databaseDirectUrl) ? ['DATABASE_DIRECT_URL'] : []),
    ...(kafka && !kafka.brokers.every(isLocal) ? ['EVENTS_URL'] : []),
    ...(remoteUrl(tasksUrl, /^amqp:/) ? ['TASKS_URL'] : []),
    ...(isOpenRegistry && !discovery.servers.every(isLocal) ? ['DISCOVERY_URL'] : []),
  ];
}

/**
 * Logs a warning that names them. A process that has a certificate is meant to be encrypted: then each
 * such server is named.
 */
export function warnOfPlainPasswords(config: Urls, logger: Logger): void {
  const settings = plainPasswords(config);
  if (settings.length > 0) logger.warn({ settings }, 'passwords are sent to other machines without TLS');
  const servers = config.tlsCert === '' ? [] : plainServers(config);
  if (servers.length > 0) logger.warn({ settings: servers }, 'servers on other machines are reached without TLS');
}

const postgres = /^postgres(ql)?:/;

/**
 * Whether a server on another machine is called without TLS. Without `sslmode`, it is where nothing says
 * who signs its certificate.
 */
function isOpenPostgres(url: string, { databaseCa, tlsCa }: Pick<Urls, 'databaseCa' | 'tlsCa'>): boolean {
  const mode = /[?&]sslmode=([^&#]*)/.exec(url)?.[1];
  if (mode !== undefined) return mode === 'disable';
  return databaseCa.file === undefined && (tlsCa === '' || databaseCa.isOfNode === true);
}

function hasRemotePassword(text: string, scheme: RegExp): boolean {
  return (remoteUrl(text, scheme)?.password ?? '') !== '';
}

/** Returns the URL of a server with this scheme on another machine. */
function remoteUrl(text: string, scheme: RegExp): URL | undefined {
  const url = scheme.test(text) ? URL.parse(text.replaceAll('<service>', 'service')) : null;
  const host = url?.searchParams.get('host') ?? url?.hostname ?? '';
  // Without a host, or with a folder as its host, it is a socket of this machine.
  return url === null || host === '' || /^(\/|%2F)/.test(host) || isLocal(`${host}:`) ? undefined : url;
}
