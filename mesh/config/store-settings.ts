import { parseKafkaUrl } from './kafka-url.ts';
import { certificatesSetting, choiceSetting, isUrl, millisecondsSetting, numberSetting } from './setting.ts';
import { parseSqsUrl } from './sqs-url.ts';

/** How events are compressed on their way to Kafka and in it. */
export const compressions = ['none', 'gzip', 'snappy', 'zstd'] as const;
export type Compression = (typeof compressions)[number];

const hourMs = 3_600_000;

/** Where a process stores: its databases, the event log and the task queue. */
export const storeSettings = {
  /** `<service>` is replaced by the service's name. */
  databaseUrl: {
    variable: 'DATABASE_URL',
    isSecret: true,
    default: 'sqlite:<DATA_DIR>/<service>.db',
    allowed:
      'sqlite:<path> or postgres://<user>@<host>/<database>, with sslmode in place of ssl and statement_timeout in place of ' +
      'query_timeout',
    doc:
      "`sqlite:<path>`, `postgres://<user>@<host>/<database>`; `<service>` is replaced by the service's name, and " +
      'required with several services in one process',
    parse: (text: string) => (/^sqlite:./s.test(text) || isPostgresUrl(text) ? text : undefined),
  },
  /** Empty: there is none. */
  databaseDirectUrl: {
    variable: 'DATABASE_DIRECT_URL',
    isSecret: true,
    default: '',
    allowed: 'postgres://<user>@<host>/<database>, or empty',
    doc:
      '`postgres://<user>@<host>/<database>`, the way to the PostgreSQL server itself if `DATABASE_URL` leads to a pooler such ' +
      'as PgBouncer; `<service>` is replaced as there',
    parse: (text: string) => (text === '' || isPostgresUrl(text) ? text : undefined),
  },
  databaseCa: certificatesSetting('DATABASE_CA_FILE', {
    doc:
      'a PEM file: the authorities that may sign the certificate of PostgreSQL. With it, and to other machines with ' +
      '`TLS_CA`, connections use TLS unless `sslmode` in the URL says otherwise. `node`: those of Node. Default: ' +
      '`TLS_CA`, else those of Node',
  }),
  databasePoolSize: {
    variable: 'DATABASE_POOL_SIZE',
    default: '5',
    allowed: 'a whole number from 1 to 1000',
    doc: 'the maximum number of connections of a service to PostgreSQL, 1 to 1000; two more check and listen',
    parse: (text: string) => (/^[1-9]\d{0,2}$|^1000$/.test(text) ? Number(text) : undefined),
  },
  eventsUrl: {
    variable: 'EVENTS_URL',
    isSecret: true,
    default: 'embedded:<DATA_DIR>/events.db',
    allowed: 'embedded:<path> or kafka[+ssl]://[<user>:<password>@]<host>:<port>,<host>:<port>[?mechanism=<mechanism>]',
    doc:
      '`embedded:<path>`, `kafka://<host>:<port>,<host>:<port>`, ' +
      '`kafka+ssl://<user>:<password>@<host>:<port>?mechanism=<mechanism>` ([TLS and users](#tls-and-users))',
    parse: (text: string) => (/^embedded:./s.test(text) || parseKafkaUrl(text) ? text : undefined),
  },
  eventsCa: certificatesSetting('EVENTS_CA_FILE', {
    doc:
      'a PEM file: the authorities that may sign the certificates of Kafka. `node`: those of Node. Default: ' +
      '`TLS_CA`, else those of Node',
  }),
  eventsCompression: choiceSetting('EVENTS_COMPRESSION', compressions, {
    default: 'none',
    doc: '`none`, `gzip`, `snappy`, `zstd`: how events are compressed for Kafka. Any of them, and `lz4`, can be read',
  }),
  /** Of topics that this process creates. */
  eventsPartitions: numberSetting('EVENTS_PARTITIONS', {
    default: '12',
    min: 1,
    max: 1_000,
    doc: 'the partitions of topics that the process creates. Existing topics keep theirs',
  }),
  /** How long the log keeps events. */
  eventsRetentionMs: millisecondsSetting('EVENTS_RETENTION_MS', {
    default: `${7 * 24 * hourMs}`,
    min: hourMs,
    max: 10 * 365 * 24 * hourMs,
    doc:
      'how long events are kept: in all topics of the embedded log, and in topics that the process creates on Kafka. ' +
      'Consumers remember the events that they handled for a day longer, and at least 8 days. From 3600000 to 315360000000',
  }),
  tasksUrl: {
    variable: 'TASKS_URL',
    isSecret: true,
    default: 'embedded:<DATA_DIR>/tasks.db',
    allowed:
      'embedded:<path>, amqp(s)://<user>:<password>@<host>:<port>/<vhost>, ' +
      'sqs://<region>[/<prefix>][?endpoint=<http(s)://host:port>][&account=<12 digits>][&queues=existing] or off',
    doc:
      '`embedded:<path>`, `amqp(s)://<user>:<password>@<host>:<port>/<vhost>`, `sqs://<region>` ([SQS](#queues-on-sqs)); dead ' +
      'letters of tasks are with a broker in a database `tasks` next to those of the services. `off`: the services of the ' +
      'process neither queue tasks nor work on them',
    parse: (text: string) => (isTasksUrl(text) ? text : undefined),
  },
  tasksCa: certificatesSetting('TASKS_CA_FILE', {
    doc:
      'a PEM file: the authorities that may sign the certificate of RabbitMQ (`amqps:`) or of an `endpoint` of SQS. `node`: ' +
      'those of Node. Default: `TLS_CA`, else those of Node',
  }),
} as const;

/** With the name of a service in place of `<service>`. A path with an `@` begins with a user whose `//` is missing. */
function isPostgresUrl(text: string): boolean {
  const url = /^postgres(ql)?:\/\//.test(text) ? URL.parse(text.replaceAll('<service>', 'service')) : null;
  // The driver's own `ssl` would win over what the settings say of authorities: `sslmode` says it. With its `query_timeout` a
  // statement fails while the server goes on with it, and the connection is used again: `statement_timeout` ends it.
  const hasRefused = ['ssl', 'query_timeout'].some((name) => url?.searchParams.has(name));
  return url !== null && !url.pathname.includes('@') && !hasRefused;
}

function isTasksUrl(text: string): boolean {
  return text === 'off' || isUrl(text, ['embedded'], ['amqp', 'amqps']) || parseSqsUrl(text) !== undefined;
}
