import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type GuardedProcess } from './guarded-process.ts';
import {
  installedKafka,
  type KafkaCluster,
  type KafkaNode,
  nodeAnswers,
  prepareNode,
  recordsFolder,
  startNode,
} from './kafka-broker.ts';
import type { TestServer } from './servers.ts';

/** A Kafka cluster of its own for a test file, on free ports of 127.0.0.1. */
export interface KafkaServer {
  /** `host:port,...` of its brokers. */
  readonly brokers: string;
  /** The folder of a partition's segments on the first broker: what is changed there is what clients are given. */
  partitionFolder(topic: string, partition: number): string;
  /** Ends a broker, counted from 0, as a crash would. */
  killBroker(index: number): Promise<void>;
  /** Starts a broker that was killed, on the same port with the same data; resolves when it answers. */
  restartBroker(index: number): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** What a test wants to have otherwise. */
export interface KafkaServerOptions {
  /** Default 1. Of three, two must have a record before it is acknowledged. */
  readonly brokers?: 1 | 3;
  /** A proxy in front of the one broker: clients are told to connect to `port`, which passes on to `brokerPort`. */
  readonly proxy?: { readonly port: number; readonly brokerPort: number };
}

/** Kafka as it was found on this machine, for `describeWithServer`. */
export const kafka: TestServer = { name: 'Kafka', version: installedKafka() };

/** Starts brokers with new data folders. They end with the process that started them, however that ends. */
export async function startKafka({ brokers = 1, proxy }: KafkaServerOptions = {}): Promise<KafkaServer> {
  const folder = await mkdtemp(join(tmpdir(), 'mesh-kafka-'));
  const nodes: KafkaNode[] = [];
  for (let id = 1; id <= brokers; id++) {
    const [port, controllerPort] = [proxy?.brokerPort ?? (await freePort()), await freePort()];
    nodes.push({
      id,
      port,
      controllerPort,
      folder: join(folder, `${id}`),
      ...(proxy && { advertisedPort: proxy.port }),
    });
  }
  const cluster: KafkaCluster = { nodes, removeFolder: folder, maxHeap: '256m' };
  await Promise.all(nodes.map((node) => prepareNode(node, cluster)));
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
    partitionFolder: (topic, partition) => join(recordsFolder(at(nodes, 0)), `${topic}-${partition}`),
    killBroker: (index) => at<GuardedProcess>(children, index).end('KILL'),
    async restartBroker(index) {
      children[index] = startNode(at(nodes, index), cluster);
      await answers(index, 1);
    },
    stop,
  };
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`there is no broker ${index}: they count from 0 to ${list.length - 1}`);
  return found;
}
