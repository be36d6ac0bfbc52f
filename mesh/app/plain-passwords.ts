import { isLocal } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import { parseKafkaUrl } from '../config/kafka-url.ts';
import type { Logger } from '../telemetry/logger.ts';

type Urls = Pick<Config, 'databaseUrl' | 'databaseDirectUrl' | 'databaseCa' | 'eventsUrl' | 'tasksUrl' | 'discovery'>;

/**
 * Returns the settings whose password anybody on the way to its server can read, because it is on another machine and the URL does
 * not ask for TLS. The mail server is none: it gets a password over TLS only.
 */
export function plainPasswords({
  databaseUrl,
  databaseDirectUrl,
  databaseCa,
  eventsUrl,
  tasksUrl,
  discovery,
}: Urls): string[] {
  const isOpenDatabase = (url: string) =>
    hasRemotePassword(url, /^postgres(ql)?:/) && !/[?&]sslmode=(?!disable)/.test(url) && databaseCa.pem === undefined;
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

/** Logs a warning that names them. */
export function warnOfPlainPasswords(config: Urls, logger: Logger): void {
  const settings = plainPasswords(config);
  if (settings.length > 0) logger.warn({ settings }, 'passwords are sent to other machines without TLS');
}

function hasRemotePassword(text: string, scheme: RegExp): boolean {
  const url = scheme.test(text) ? URL.parse(text.replaceAll('<service>', 'service')) : null;
  // Without a host it is a socket of this machine.
  return url !== null && url.password !== '' && url.hostname !== '' && !isLocal(`${url.hostname}:`);
}
