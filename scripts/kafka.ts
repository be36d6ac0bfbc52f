import { once } from 'node:events';
import {
  installedKafka,
  type KafkaNode,
  nodeAnswers,
  prepareNode,
  startNode,
} from '../mesh/testing/servers/kafka-broker.ts';
import { dataFolder, orExit } from './support/start-broker.ts';

// Runs one broker for development on localhost:9092. Its data is in data/kafka. Ctrl-C stops it.

if (installedKafka() === undefined) {
  process.stderr.write('Kafka is not installed: run "make deps-kafka"\n');
  process.exit(2);
}
const folder = dataFolder('kafka');
const node: KafkaNode = { id: 1, port: 9092, controllerPort: 9093, folder };
const cluster = { nodes: [node], maxHeap: '512m' };
const child = await orExit(async () => {
  await prepareNode(node, cluster);
  const started = startNode(node, cluster);
  await nodeAnswers(node, started, 1);
  return started;
});
process.stdout.write('ready kafka://localhost:9092\n');
// The broker's shell does not keep this process alive; pending timers do.
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
await child.end('TERM');
process.exit(0);
