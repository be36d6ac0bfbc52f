import { availableParallelism, cpus } from 'node:os';
import { benchAuthorization } from './authorization.ts';
import { benchBalancing } from './balancing.ts';
import { benchEdge } from './edge.ts';
import { benchEngines } from './engines.ts';
import { benchEventStore } from './event-store.ts';
import { benchEvents } from './events.ts';
import { type Benchmark, type Figure, figureTable } from './figure.ts';
import { benchGateway } from './gateway.ts';
import { benchGetUser } from './get-user.ts';
import { benchHistory } from './history.ts';
import { benchImportUsers } from './import-users.ts';
import { benchListUsers } from './list-users.ts';
import { benchOrders } from './orders.ts';
import { benchRestart } from './restart.ts';
import { benchSplit } from './split.ts';
import { benchStart } from './start.ts';
import { benchSubscribe } from './subscribe.ts';
import { loadCore, pin } from './support/server.ts';
import { benchSustained } from './sustained.ts';
import { benchTls } from './tls.ts';
import { benchTokens } from './tokens.ts';

const benchmarks: Readonly<Record<string, Benchmark>> = {
  start: benchStart,
  import: benchImportUsers,
  'list-users': benchListUsers,
  'get-user': benchGetUser,
  tls: benchTls,
  orders: benchOrders,
  split: benchSplit,
  engines: benchEngines,
  gateway: benchGateway,
  edge: benchEdge,
  balancing: benchBalancing,
  authorization: benchAuthorization,
  tokens: benchTokens,
  events: benchEvents,
  'event-store': benchEventStore,
  subscribe: benchSubscribe,
  restart: benchRestart,
  history: benchHistory,
  sustained: benchSustained,
};
/** An hour: it runs only if it is named. */
const long: readonly string[] = ['sustained'];

const usual = Object.keys(benchmarks).filter((name) => !long.includes(name));
const names = process.argv.length > 2 ? process.argv.slice(2) : usual;
const unknown = names.filter((name) => !(name in benchmarks));
if (unknown.length > 0 || availableParallelism() < 2) {
  console.error(
    unknown.length > 0
      ? `unknown benchmark ${unknown.join(', ')}: use ${Object.keys(benchmarks).join(', ')}`
      : 'benchmarks need two cores: one for the server and one for the load',
  );
  process.exit(2);
}

pin(process.pid, loadCore);
const figures: Figure[] = [];
for (const name of names) {
  console.error(`${name} ...`);
  figures.push(...((await benchmarks[name]?.()) ?? []));
}
console.log(`${cpus().length} cores (${cpus()[0]?.model.trim()}), Node ${process.version}\n`);
console.log(figureTable(figures));
