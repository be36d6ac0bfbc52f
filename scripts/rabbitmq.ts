import { once } from 'node:events';
import { installedRabbitmq, prepareNode, type RabbitmqNode, startNode } from '../mesh/testing/servers/rabbitmq-node.ts';
import { dataFolder, orExit } from './support/start-broker.ts';

// Runs one node for development on localhost:5672. Its data is in data/rabbitmq. Ctrl-C stops it.

if (installedRabbitmq() === undefined) {
  process.stderr.write('RabbitMQ is not installed: run "make deps-rabbitmq"\n');
  process.exit(2);
}
const folder = dataFolder('rabbitmq');
const node: RabbitmqNode = { port: 5672, distributionPort: 25672, epmdPort: 4370, folder };
const running = await orExit(async () => {
  await prepareNode(node);
  return await startNode(node);
});
process.stdout.write('ready amqp://localhost:5672\n');
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
await running.end('TERM');
process.exit(0);
