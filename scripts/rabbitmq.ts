import { once } from 'node:events';
import { join } from 'node:path';
import { installedRabbitmq, prepareNode, type RabbitmqNode, startNode } from '../mesh/testing/servers/rabbitmq-node.ts';

// Runs one node for development on localhost:5672. Its data is in data/rabbitmq. Ctrl-C stops it.

if (installedRabbitmq() === undefined) {
  process.stderr.write('RabbitMQ is not installed: run "make deps-rabbitmq"\n');
  process.exit(2);
}
const folder = join(process.env.DATA_DIR || 'data', 'rabbitmq');
const node: RabbitmqNode = { port: 5672, distributionPort: 25672, epmdPort: 4370, folder };
await prepareNode(node);
const running = await startNode(node).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exit(2);
});
process.stdout.write('ready amqp://localhost:5672\n');
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
await running.end('TERM');
process.exit(0);
