import { once } from 'node:events';
import {
  installedPostgres,
  type PostgresNode,
  prepareNode,
  startNode,
  urlOf,
} from '../mesh/testing/servers/postgres-node.ts';
import { dataFolder, orExit } from './support/start-broker.ts';

// Runs one server for development on localhost:5432. Its data is in data/postgres. Ctrl-C stops it.

if (installedPostgres() === undefined) {
  process.stderr.write('PostgreSQL is not installed: run "make deps-postgres"\n');
  process.exit(2);
}
const node: PostgresNode = { port: 5432, folder: dataFolder('postgres') };
const running = await orExit(async () => {
  await prepareNode(node);
  return await startNode(node);
});
process.stdout.write(`ready ${urlOf(node, '<service>')}\n`);
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
// INT ends the sessions of clients; TERM would wait for them.
await running.end('INT');
process.exit(0);
