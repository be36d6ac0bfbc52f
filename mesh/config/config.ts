import { join } from 'node:path';
import { defaultEngine, type EngineName, engineNames } from '../engines/engines.ts';
import { type LogLevel, logLevels } from '../telemetry/logger.ts';
import { parseAddress } from './address.ts';
import type { ConfigFault } from './config-fault.ts';
import { parseStaticAddresses, type StaticAddresses } from './static-addresses.ts';
import { unknownServices } from './unknown-services.ts';

/** The variables that settings are read from. */
export const settingNames = [
  'GRPC_LISTEN',
  'GRPC_ENGINE',
  'METRICS_LISTEN',
  'DATA_DIR',
  'DATABASE_URL',
  'EVENTS_URL',
  'TASKS_URL',
  'MAIL_URL',
  'CARRIER_URL',
  'DISCOVERY_URL',
  'LOG_LEVEL',
  'DRAIN_TIMEOUT_MS',
  'AUDIT_INTERVAL_MS',
] as const;
type SettingName = (typeof settingNames)[number];

/** All settings of a process: read once, checked as a whole, never changed. */
export interface Config {
  /** Where everything that must outlive the process lies. `DATA_DIR`. */
  readonly dataDir: string;
  /** `DATABASE_URL`; `<service>` in it stands for the service's name. */
  readonly databaseUrl: string;
  /** `EVENTS_URL`. */
  readonly eventsUrl: string;
  /** `TASKS_URL`. */
  readonly tasksUrl: string;
  /** `MAIL_URL`. */
  readonly mailUrl: string;
  /** `CARRIER_URL`; `embedded:` is a simulated carrier. */
  readonly carrierUrl: string;
  /** `DISCOVERY_URL`: the addresses of services that are not in this process. */
  readonly addresses: StaticAddresses;
  /** `host:port` of the gRPC listener. `GRPC_LISTEN`. */
  readonly grpcListen: string;
  /** `host:port` of the listener for metrics; empty: they are not served. `METRICS_LISTEN`. */
  readonly metricsListen: string;
  /** What speaks HTTP/2 and gRPC, for calls in and out. `GRPC_ENGINE`. */
  readonly grpcEngine: EngineName;
  readonly logLevel: LogLevel;
  /** How long calls under way may take to finish once the process is told to end. `DRAIN_TIMEOUT_MS`. */
  readonly drainTimeoutMs: number;
  /** How long to wait before each audit in the background; 0: there is none. `AUDIT_INTERVAL_MS`. */
  readonly auditIntervalMs: number;
}

/** Every fault of the settings at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(({ variable, problem }) => `${variable} ${problem}`).join('\n'));
    this.faults = faults;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the settings. An empty variable is one that is not set. Throws a ConfigError that names every fault. `services` are
 * the names that addresses may have; default: any.
 */
export function readConfig(environment: Environment, services?: readonly string[]): Config {
  const faults: ConfigFault[] = [];
  const read = <T>(
    variable: SettingName,
    fallback: string,
    allowed: string,
    parse: (text: string) => T | undefined,
  ): T => {
    const value = environment[variable] || fallback;
    const parsed = parse(value);
    if (parsed === undefined) {
      const problem = `is ${JSON.stringify(withoutPassword(value))}, but may be ${allowed}`;
      faults.push({ variable, problem });
    }
    return parsed as T;
  };
  const dataDir = environment.DATA_DIR || 'data';
  const config: Config = {
    dataDir,
    databaseUrl: read(
      'DATABASE_URL',
      `sqlite:${join(dataDir, '<service>.db')}`,
      'sqlite:<path> or postgres://<user>@<host>/<database>',
      url('sqlite', 'postgres', 'postgresql'),
    ),
    eventsUrl: read(
      'EVENTS_URL',
      `embedded:${join(dataDir, 'events.db')}`,
      'embedded:<path> or kafka://<host>:<port>,<host>:<port>',
      eventsUrl,
    ),
    tasksUrl: read(
      'TASKS_URL',
      `embedded:${join(dataDir, 'tasks.db')}`,
      'embedded:<path> or amqp(s)://<user>:<password>@<host>:<port>/<vhost>',
      serverUrl(['embedded'], ['amqp', 'amqps']),
    ),
    mailUrl: read(
      'MAIL_URL',
      `file:${join(dataDir, 'mail')}`,
      'file:<folder> or smtp(s)://<user>:<password>@<host>:<port>',
      serverUrl(['file'], ['smtp', 'smtps']),
    ),
    carrierUrl: read('CARRIER_URL', 'embedded:', 'embedded: or http(s)://<host>', carrierUrl),
    addresses: read(
      'DISCOVERY_URL',
      'static:',
      'static: or static:<service>=<host>:<port>,..., each service once',
      parseStaticAddresses,
    ),
    grpcListen: read('GRPC_LISTEN', '127.0.0.1:50051', '<host>:<port> with a port from 0 to 65535', parseAddress),
    metricsListen: read('METRICS_LISTEN', '', '<host>:<port> with a port from 0 to 65535, or empty', metricsListen),
    grpcEngine: read('GRPC_ENGINE', defaultEngine, engineNames.join(', '), (text) =>
      engineNames.find((name) => name === text),
    ),
    logLevel: read('LOG_LEVEL', 'info', logLevels.join(', '), (text) => logLevels.find((level) => level === text)),
    drainTimeoutMs: read('DRAIN_TIMEOUT_MS', '25000', ...millisecondsUpTo(600_000)),
    auditIntervalMs: read('AUDIT_INTERVAL_MS', '3600000', ...millisecondsUpTo(604_800_000)),
  };
  // Not there when it cannot be read.
  if (services !== undefined && config.addresses !== undefined)
    faults.push(...unknownServices(config.addresses, services));
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(config);
}

/** The database of one service. */
export function databaseUrlOf(config: Config, service: string): string {
  return config.databaseUrl.replaceAll('<service>', service);
}

function url(...schemes: readonly string[]): (text: string) => string | undefined {
  return (text) =>
    schemes.some((scheme) => text.startsWith(`${scheme}:`) && text.length > scheme.length + 1) ? text : undefined;
}

/** A path behind one of the local schemes, or a URL with a host. */
function serverUrl(local: readonly string[], remote: readonly string[]): (text: string) => string | undefined {
  return (text) => {
    const parsed = URL.parse(text);
    const isRemote = parsed !== null && parsed.hostname !== '' && remote.includes(parsed.protocol.slice(0, -1));
    return isRemote ? text : url(...local)(text);
  };
}

function eventsUrl(text: string): string | undefined {
  if (!text.startsWith('kafka:')) return url('embedded')(text);
  const brokers = text.startsWith('kafka://') ? text.slice('kafka://'.length).split(',') : [''];
  return brokers.every((broker) => parseAddress(broker) !== undefined) ? text : undefined;
}

function carrierUrl(text: string): string | undefined {
  if (text === 'embedded:') return text;
  return /^https?:$/.test(URL.parse(text)?.protocol ?? '') ? text : undefined;
}

function metricsListen(text: string): string | undefined {
  return text === '' ? text : parseAddress(text);
}

function millisecondsUpTo(max: number): [allowed: string, parse: (text: string) => number | undefined] {
  const parse = (text: string) => (/^\d{1,9}$/.test(text) && Number(text) <= max ? Number(text) : undefined);
  return [`a whole number of milliseconds up to ${max}`, parse];
}

/** Settings end up in logs: a password in a URL must not. It may hold an `@` itself, so the last one ends it. */
function withoutPassword(value: string): string {
  return value.replace(/(:\/\/[^:/@]*:).*@/, '$1***@');
}
