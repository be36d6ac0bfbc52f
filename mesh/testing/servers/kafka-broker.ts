import { execFile } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createKafka } from '../../events/kafka/client/kafkajs.ts';
import { createLogger } from '../../telemetry/logger.ts';
import type { Certificate } from '../certificates.ts';
import { type GuardedProcess, spawnGuarded } from './guarded-process.ts';

/** One node of a cluster, both broker and controller. */
export interface KafkaNode {
  /** Starting at 1. */
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
  /** The port that clients connect to, if a proxy is in front. Default: `port`. */
  readonly advertisedPort?: number;
  /** Listeners for clients with TLS, next to the plain one. Default: none. */
  readonly secure?: SecureListeners;
  /** The folder of its data and log. */
  readonly folder: string;
}

/** Listeners with TLS for clients without a user (`tlsPort`) and with the user `kafkaUser`. */
export interface SecureListeners {
  readonly tlsPort: number;
  readonly userPort: number;
  readonly certificate: Certificate;
}

/** The user of secure listeners. The password shows whether URLs are decoded. */
export const kafkaUser = { name: 'mesh', password: 's/cr@t:%' };

/** A cluster of nodes. */
export interface KafkaCluster {
  readonly nodes: readonly KafkaNode[];
  /** Removed if this process exits without stopping its brokers. */
  readonly removeFolder?: string;
  readonly maxHeap: string;
}

const libraries = fileURLToPath(new URL('../../../.tools/kafka/libs', import.meta.url));
const logging = fileURLToPath(new URL('../../../scripts/kafka/log4j2.properties', import.meta.url));
const templates = fileURLToPath(new URL('../../../.cache/kafka', import.meta.url));
// Any id will do; a node refuses the data of another cluster.
const clusterId = 'b3JkZXJtZXNoLWthZmthMQ';

/** Returns the version of Kafka installed by `make deps`, or undefined if it or Java is missing. */
export function installedKafka(): string | undefined {
  const [jar] = globSync(join(libraries, 'kafka_*.jar'));
  const java = (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, 'java')));
  return java && jar !== undefined ? /-([\d.]+)\.jar$/.exec(jar)?.[1] : undefined;
}

/** Creates the data folder of a node if it does not exist. */
export async function prepareNode(node: KafkaNode, cluster: KafkaCluster): Promise<void> {
  await writeSettings(node, cluster);
  await format(node);
}

/**
 * As `prepareNode`, for a new node. The program that formats runs once for each kind of node, later ones get a copy.
 */
export async function prepareNewNode(node: KafkaNode, cluster: KafkaCluster): Promise<void> {
  const template = `${templates}-${installedKafka()}-${node.id}${node.secure ? '-users' : ''}`;
  await writeSettings(node, cluster);
  if (existsSync(template)) return await copy(template, recordsFolder(node));
  await format(node);
  // Complete whenever it exists, also if other processes do the same.
  const unfinished = `${template}.${process.pid}`;
  await copy(recordsFolder(node), unfinished);
  await rename(unfinished, template).catch(() => rm(unfinished, { recursive: true }));
}

async function writeSettings(node: KafkaNode, cluster: KafkaCluster): Promise<void> {
  await mkdir(node.folder, { recursive: true });
  await writeFile(settingsFile(node), settings(node, cluster));
  if (node.secure) await writeFile(keyFile(node), `${node.secure.certificate.key}${node.secure.certificate.cert}`);
}

async function format(node: KafkaNode): Promise<void> {
  const scram = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=${kafkaUser.name},password=${kafkaUser.password}]`,
  ]);
  const args = ['format', '--ignore-formatted', '-t', clusterId, '-c', settingsFile(node)];
  if (node.secure) args.push(...scram);
  await promisify(execFile)('java', [...javaOptions('64m'), 'kafka.tools.StorageTool', ...args]);
}

const copy = (from: string, to: string): Promise<void> => cp(from, to, { recursive: true });

export function startNode(node: KafkaNode, { removeFolder, maxHeap }: KafkaCluster): GuardedProcess {
  const command = ['java', ...javaOptions(maxHeap), 'kafka.Kafka', settingsFile(node)];
  return spawnGuarded({ command, log: logFile(node), ...(removeFolder !== undefined && { removeFolder }) });
}

/** Waits until a node responds and knows `count` brokers, including itself. */
export async function nodeAnswers(node: KafkaNode, child: GuardedProcess, count: number): Promise<void> {
  const kafka = createKafka([`127.0.0.1:${node.port}`], createLogger('silent'));
  for (;;) {
    if (child.exitCode !== null) throw new Error(`Kafka did not start:\n${await readFile(logFile(node), 'utf8')}`);
    const admin = kafka.admin();
    try {
      await admin.connect();
      const { brokers } = await admin.describeCluster();
      if (brokers.length >= count && brokers.some(({ nodeId }) => nodeId === node.id)) return;
    } catch {
      // Not ready yet. If it cannot start, it exits.
    } finally {
      await admin.disconnect();
    }
    await setTimeout(50);
  }
}

/** The folder of its partitions, with a folder `<topic>-<partition>` for each. */
export const recordsFolder = (node: KafkaNode): string => join(node.folder, 'data');

const settingsFile = (node: KafkaNode): string => join(node.folder, 'server.properties');
const keyFile = (node: KafkaNode): string => join(node.folder, 'key.pem');
const logFile = (node: KafkaNode): string => join(node.folder, 'server.log');

/** Options for a small and fast JVM: one garbage collection thread and only the first compiler tier. */
function javaOptions(maxHeap: string): string[] {
  const quick = [`-Xmx${maxHeap}`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];
  return [...quick, `-Dlog4j2.configurationFile=${logging}`, '-cp', `${libraries}/*`];
}

function settings(node: KafkaNode, { nodes }: KafkaCluster): string {
  const replicas = nodes.length;
  const listener = `PLAINTEXT://127.0.0.1:${node.port}`;
  const { tlsPort, userPort } = node.secure ?? {};
  const secured = node.secure ? [`SSL://127.0.0.1:${tlsPort}`, `SASL_SSL://127.0.0.1:${userPort}`] : [];
  const lines = {
    'process.roles': 'broker,controller',
    'node.id': node.id,
    'controller.quorum.voters': nodes.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(),
    listeners: [listener, `CONTROLLER://127.0.0.1:${node.controllerPort}`, ...secured].join(),
    'advertised.listeners': [`PLAINTEXT://127.0.0.1:${node.advertisedPort ?? node.port}`, ...secured].join(),
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL',
    'inter.broker.listener.name': 'PLAINTEXT',
    ...(node.secure && secureSettings(node)),
    'log.dirs': recordsFolder(node),
    'auto.create.topics.enable': false,
    'default.replication.factor': replicas,
    'min.insync.replicas': Math.ceil(replicas / 2),
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'log.cleaner.dedupe.buffer.size': 4 * 1024 * 1024,
    'log.cleaner.io.buffer.size': 64 * 1024,
    'log.cleaner.backoff.ms': 1000,
  };
  return Object.entries(lines)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

function secureSettings(node: KafkaNode): Record<string, string> {
  const { name, password } = kafkaUser;
  const login = (kind: string, options = '') =>
    `org.apache.kafka.common.security.${kind}LoginModule required${options};`;
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keyFile(node),
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.sasl_ssl.plain.sasl.jaas.config': login('plain.Plain', ` user_${name}="${password}"`),
    'listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config': login('scram.Scram'),
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': login('scram.Scram'),
  };
}
