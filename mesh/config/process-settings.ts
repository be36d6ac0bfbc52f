import { defaultEngine, engineNames } from '../engines/engines.ts';
import { logLevels } from '../telemetry/logger.ts';
import { parseAddress } from './address.ts';
import { authSettings } from './auth-settings.ts';
import { discoveryForms, discoveryUrlProblem, parseDiscoveryUrl } from './discovery-url.ts';
import { httpSettings } from './http-settings.ts';
import { securitySettings } from './security-settings.ts';
import { certificatesSetting, choiceSetting, millisecondsSetting, numberSetting } from './setting.ts';
import { storeSettings } from './store-settings.ts';
import { tlsSettings } from './tls-settings.ts';

/** How the next instance of a service is chosen: the less loaded of two, or each in turn. */
export const balancingPolicies = ['least-load', 'round-robin'] as const;
export type BalancingPolicy = (typeof balancingPolicies)[number];

const mebibyte = 1024 * 1024;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const tenYearsMs = 10 * 365 * dayMs;

/** The settings of every process, regardless of the services it runs. */
export const processSettings = {
  /** `host:port` of the gRPC listener. */
  grpcListen: {
    variable: 'GRPC_LISTEN',
    default: '127.0.0.1:50051',
    allowed: '<host>:<port> with a port from 0 to 65535',
    doc: '`<host>:<port>`; port 0 picks a free one',
    parse: parseAddress,
  },
  ...httpSettings,
  /** `host:port` for the registry; empty: the one of the listener. */
  grpcAdvertise: {
    variable: 'GRPC_ADVERTISE',
    default: '',
    allowed: '<host>:<port> with a port from 0 to 65535, or empty',
    doc:
      '`<host>:<port>` at which other processes reach this one, for registries that it registers in; port 0 is that of the ' +
      'listener. Default: the address of `GRPC_LISTEN`',
    parse: (text: string) => (text === '' ? text : parseAddress(text)),
  },
  /** What speaks HTTP/2 and gRPC, for calls in and out. */
  grpcEngine: choiceSetting('GRPC_ENGINE', engineNames, {
    default: defaultEngine,
    doc: '`native`: our own HTTP/2 implementation; `grpc-js`: slower, battle-tested',
  }),
  /** How many connections of clients may be open. */
  grpcMaxConnections: numberSetting('GRPC_MAX_CONNECTIONS', {
    default: '10000',
    min: 1,
    max: 1_000_000,
    doc:
      'how many connections clients may have open, up to 1000000. A further one gets an HTTP status 503 with a text ' +
      'and is closed; its calls fail with UNAVAILABLE',
  }),
  /** How many of them one address may have. */
  grpcMaxConnectionsPerAddress: numberSetting('GRPC_MAX_CONNECTIONS_PER_ADDRESS', {
    default: '5000',
    min: 1,
    max: 1_000_000,
    doc:
      'how many of them one address may have, up to 1000000. A further one gets an HTTP status 503 with a text and ' +
      'is closed. Behind a proxy all callers have its address',
  }),
  /** How many handlers of all services may work. */
  grpcMaxRunningCalls: numberSetting('GRPC_MAX_RUNNING_CALLS', {
    default: '2048',
    min: 16,
    max: 65_536,
    doc:
      'how many calls the process works on at a time, from 16 to 65536. A service works on an eighth of them, half of these ' +
      'for one connection ([overload](operating.md#overload))',
  }),
  /** How many bytes of requests may wait for their handler. */
  grpcMaxWaitingBytes: numberSetting('GRPC_MAX_WAITING_BYTES', {
    default: `${64 * mebibyte}`,
    min: 4 * mebibyte,
    max: 16_384 * mebibyte,
    doc:
      'bytes of requests that may wait in the process, from 4194304 to 17179869184; of one connection a quarter of them. ' +
      'They are in memory',
  }),
  /** From the last bytes of a server to a ping; 0: no pings. */
  grpcKeepaliveMs: millisecondsSetting('GRPC_KEEPALIVE_MS', {
    default: '0',
    max: 86_400_000,
    doc:
      'pings of the clients of this process during calls: after how long a silence of the server; 0: none. ' +
      'Further pings come after 5 min, or after the server has sent something',
  }),
  /** How often clients may ping. */
  grpcMinPingIntervalMs: millisecondsSetting('GRPC_MIN_PING_INTERVAL_MS', {
    default: '300000',
    max: 86_400_000,
    doc:
      'how often clients may ping during a call that sends them nothing; more ends their connection (`too_many_pings`). ' +
      'Without calls every 2 h, or as often if this is below the default',
  }),
  ...authSettings,
  /** `host:port` of the listener for metrics; empty: they are not served. */
  metricsListen: {
    variable: 'METRICS_LISTEN',
    default: '',
    allowed: '<host>:<port> with a port from 0 to 65535, or empty',
    doc: '`<host>:<port>` of the metrics; port 0 picks a free one',
    parse: (text: string) => (text === '' ? text : parseAddress(text)),
  },
  /** `host:port` of the listener of a process that forwards calls, for those about itself; empty: there is none. */
  opsListen: {
    variable: 'OPS_LISTEN',
    default: '',
    allowed: '<host>:<port> with a port from 0 to 65535, or empty',
    doc:
      '`<host>:<port>` where a gateway answers `ops.v1` for its own process, since its `GRPC_LISTEN` forwards those calls; ' +
      'give it to `ops` as `gateway` in `static:`',
    parse: (text: string) => (text === '' ? text : parseAddress(text)),
  },
  ...securitySettings,
  /** The folder of everything that must survive the process. */
  dataDir: {
    variable: 'DATA_DIR',
    default: 'data',
    allowed: 'a folder',
    doc: 'a folder for everything that must survive the process; one process at a time',
    parse: (text: string) => text,
  },
  ...tlsSettings,
  ...storeSettings,
  /** How long the responses of mutations are kept for repeated calls. */
  requestIdsRetentionMs: millisecondsSetting('REQUEST_IDS_RETENTION_MS', {
    default: `${7 * dayMs}`,
    min: dayMs,
    max: tenYearsMs,
    doc:
      'how long a call with the same `request_id` gets the response of the first one; later it takes effect again. ' +
      'From 86400000 to 315360000000',
  }),
  /** How long finished sagas are kept. */
  sagasRetentionMs: millisecondsSetting('SAGAS_RETENTION_MS', {
    default: `${7 * dayMs}`,
    min: hourMs,
    max: tenYearsMs,
    doc:
      'how long completed and compensated sagas can be listed; their orders stay. Sagas that run or need attention are ' +
      'kept. From 3600000 to 315360000000',
  }),
  /** How long dead letters are kept after they were redriven or discarded. */
  deadLettersRetentionMs: millisecondsSetting('DEAD_LETTERS_RETENTION_MS', {
    default: `${30 * dayMs}`,
    min: hourMs,
    max: tenYearsMs,
    doc:
      'how long dead letters that were redriven or discarded stay in their database; they are purged hourly. ' +
      'Open ones are kept. From 3600000 to 315360000000',
  }),
  /** How often each service is audited. */
  auditIntervalMs: millisecondsSetting('AUDIT_INTERVAL_MS', {
    default: `${hourMs}`,
    max: 7 * dayMs,
    doc:
      'the wait between two background audits of a service, by any of its instances, up to 604800000; ' +
      '0: no background audits',
  }),
  /** How services that are not in this process are found. */
  discovery: {
    variable: 'DISCOVERY_URL',
    isSecret: true,
    default: 'static:',
    allowed: discoveryForms,
    doc:
      'how services that are not in this process are found: `static:<service>=<host>:<port>,…`, `dns:<name>:<port>`, `k8s:`, ' +
      '`k8s-api:`, `consul://<host>:<port>`, `eureka://<host>:<port>` ([discovery](discovery.md)); `<service>` is the first part of its ' +
      "contracts' package (`events` for the bridge)",
    parse: parseDiscoveryUrl,
    problemOf: discoveryUrlProblem,
  },
  /** The authorities of registries whose URL names none. */
  discoveryCa: certificatesSetting('DISCOVERY_CA_FILE', {
    doc:
      'a PEM file: the authorities that may sign the certificate of the registry, unless `ca_file` in ' +
      '`DISCOVERY_URL` names them. `node`: those of Node. Default: `TLS_CA`, else those of Node',
  }),
  /** How calls are spread over the instances of a service. */
  balancing: choiceSetting('BALANCING', balancingPolicies, {
    default: 'least-load',
    doc:
      'how calls are spread over the instances of a service: `least-load` prefers those that answer fast and have few open ' +
      'calls, `round-robin` calls each in turn ([balancing](balancing.md))',
  }),
  logLevel: choiceSetting('LOG_LEVEL', logLevels, {
    default: 'info',
    doc: `${logLevels.map((level) => `\`${level}\``).join(', ')}; the log goes to standard error`,
  }),
  /** How long calls in progress may take to finish after the process receives a stop signal. */
  drainTimeoutMs: millisecondsSetting('DRAIN_TIMEOUT_MS', {
    default: '25000',
    max: 600_000,
    doc:
      'how long background work and calls in progress may take after the process receives a stop signal, up to 600000; it ' +
      'exits at most 3 s later',
  }),
} as const;
