import { isLocal } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import { parseKafkaUrl } from '../config/kafka-url.ts';
import { remoteUrl } from '../config/remote-url.ts';
import { isPlainSqs } from '../config/sqs-url.ts';
import type { Logger } from '../telemetry/logger.ts';

type Urls = Pick<
  Config,
  'tlsCert' | 'tlsCa' | 'databaseUrl' | 'databaseDirectUrl' | 'databaseCa' | 'eventsUrl' | 'tasksUrl' | 'discovery'
>;

/** A setting whose server is on another machine and is reached without TLS. */
interface PlainServer {
  readonly variable: string;
  /** Whether anybody on the way can read a password of it. */
  readonly showsPassword: boolean;
}

/**
 * Returns the settings whose password anybody on the way to its server can read, because it is on another machine and
 * the URL does not ask for TLS. The mail server is none: it gets a password over TLS only.
 */
export function plainPasswords(urls: Urls): string[] {
  return findPlainServers(urls)
    .filter(({ showsPassword }) => showsPassword)
    .map(({ variable }) => variable);
}

/**
 * Returns the settings whose server is on another machine and is reached without TLS, with a password or not: orders,
 * addresses and the callers of sagas go there, and registries say where all calls go.
 */
export function plainServers(urls: Urls): string[] {
  return findPlainServers(urls).map(({ variable }) => variable);
}

function findPlainServers(urls: Urls): PlainServer[] {
  const { databaseUrl, databaseDirectUrl, eventsUrl, tasksUrl, discovery } = urls;
  const database = (url: string) => (postgres.test(url) && isOpenPostgres(url, urls) ? remoteUrl(url) : undefined);
  const kafka = eventsUrl.startsWith('kafka:') ? parseKafkaUrl(eventsUrl) : undefined;
  const found: readonly (PlainServer | undefined)[] = [
    ofUrl('DATABASE_URL', database(databaseUrl)),
    ofUrl('DATABASE_DIRECT_URL', database(databaseDirectUrl)),
    kafka?.brokers.every(isLocal) === false
      ? { variable: 'EVENTS_URL', showsPassword: kafka.sasl?.mechanism === 'plain' }
      : undefined,
    ofUrl('TASKS_URL', tasksUrl.startsWith('amqp:') ? remoteUrl(tasksUrl) : undefined),
    isPlainSqs(tasksUrl) ? { variable: 'TASKS_URL', showsPassword: false } : undefined,
    plainRegistry(discovery),
  ];
  return found.filter((server) => server !== undefined);
}

function ofUrl(variable: string, url: URL | undefined): PlainServer | undefined {
  return url && { variable, showsPassword: url.password !== '' };
}

function plainRegistry(discovery: Urls['discovery']): PlainServer | undefined {
  const variable = 'DISCOVERY_URL';
  if (discovery.scheme === 'consul' && discovery.tls === undefined && !isLocal(discovery.agent))
    return { variable, showsPassword: discovery.tokenFile !== undefined };
  if (discovery.scheme === 'eureka' && discovery.tls === undefined && !discovery.servers.every(isLocal))
    return { variable, showsPassword: discovery.user !== undefined };
  return undefined;
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
