import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestCa } from '../certificates.ts';
import { freePort } from './free-port.ts';
import type { GuardedProcess } from './guarded-process.ts';
import {
  installedKafka,
  type KafkaCluster,
  type KafkaNode,
  nodeAnswers,
  prepareNewNode,
  recordsFolder,
  type SecureListeners,
  startNode,
} from './kafka-broker.ts';
import type { TestServer } from './servers.ts';

/** A Kafka cluster for a test file, on free ports of 127.0.0.1. */
export interface KafkaServer {
  /** Its brokers as `host:port,...`. */
  readonly brokers: string;
  /** Listeners with TLS, if it was started with `secure`. */
  readonly secure: SecureKafka | undefined;
  /** The folder of a partition's segments on the first broker. Clients receive changes made there. */
  partitionFolder(topic: string, partition: number): string;
  /** Kills a broker, starting at 0. */
  killBroker(index: number): Promise<void>;
  /** Restarts a killed broker on the same port with the same data, and waits until it responds. */
  restartBroker(index: number): Promise<void>;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

/** Listeners with TLS of a single broker. */
export interface SecureKafka {
  /** For clients without a user, as `host:port`. */
  readonly tlsBroker: string;
  /** For the user `kafkaUser`. */
  readonly userBroker: string;
  /** The authority of its certificate, as PEM. */
  readonly ca: string;
}

export interface KafkaServerOptions {
  /** Listens with TLS too. */
  readonly secure?: boolean;
  /** Number of brokers. Default: 1. With three, two must have a record before it is acknowledged. */
  readonly brokers?: 1 | 3;
  /** A proxy in front of a single broker: clients connect to `port`, which forwards to `brokerPort`. */
  readonly proxy?: { readonly port: number; readonly brokerPort: number };
}

/** The installed Kafka, for `describeWithServer`. */
export const kafka: TestServer = { name: 'Kafka', version: installedKafka() };

const maxStarts = 3;

/** Starts brokers with new data folders. They exit when this process exits. */
export async function startKafka(options: KafkaServerOptions = {}): Promise<KafkaServer> {
  for (let starts = 1; ; starts += 1) {
    try {
      return await startCluster(options);
    } catch (error) {
      // Another process can take a free port before the broker does.
      const portTaken = error instanceof Error && error.message.includes('Address already in use');
      if (!portTaken || starts === maxStarts) throw error;
    }
  }
}

async function startCluster({ brokers = 1, proxy, secure = false }: KafkaServerOptions): Promise<KafkaServer> {
  const tls = secure ? await newListeners() : undefined;
  const folder = await mkdtemp(join(tmpdir(), 'mesh-kafka-'));
  const nodes: KafkaNode[] = [];
  for (let id = 1; id <= brokers; id++) {
    const [port, controllerPort] = [proxy?.brokerPort ?? (await freePort()), await freePort()];
    nodes.push({
      id,
      port,
      controllerPort,
      folder: join(folder, `${id}`),
      ...(tls && { secure: tls.listeners }),
      ...(proxy && { advertisedPort: proxy.port }),
    });
  }
  const cluster: KafkaCluster = { nodes, removeFolder: folder, maxHeap: '256m' };
  await Promise.all(nodes.map((node) => prepareNewNode(node, cluster)));
  const children = nodes.map((node) => startNode(node, cluster));
  const stop = async () => {
    await Promise.all(children.map((child) => child.end('KILL')));
    await rm(folder, { recursive: true, force: true });
  };
  const answers = (index: number, count: number) =>
    nodeAnswers(at(nodes, index), at<GuardedProcess>(children, index), count);
  try {
    await Promise.all(nodes.map((_, index) => answers(index, nodes.length)));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    brokers: nodes.map(({ port }) => `127.0.0.1:${port}`).join(),
    secure: tls && toSecure(tls),
    partitionFolder: (topic, partition) => join(recordsFolder(at(nodes, 0)), `${topic}-${partition}`),
    killBroker: (index) => at<GuardedProcess>(children, index).end('KILL'),
    async restartBroker(index) {
      children[index] = startNode(at(nodes, index), cluster);
      await answers(index, 1);
    },
    stop,
  };
}

interface TestTls {
  readonly ca: string;
  readonly listeners: SecureListeners;
}

async function newListeners(): Promise<TestTls> {
  const ca = await createTestCa('CA of the test Kafka');
  const certificate = await ca.sign('127.0.0.1', 'localhost');
  return { ca: ca.cert, listeners: { tlsPort: await freePort(), userPort: await freePort(), certificate } };
}

function toSecure({ ca, listeners: { tlsPort, userPort } }: TestTls): SecureKafka {
  return { tlsBroker: `127.0.0.1:${tlsPort}`, userBroker: `127.0.0.1:${userPort}`, ca };
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`unknown broker ${index}: use 0 to ${list.length - 1}`);
  return found;
}
