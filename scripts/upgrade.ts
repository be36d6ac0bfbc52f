import { rmSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../mesh/errors/error-text.ts';
import { startKafka } from '../mesh/testing/servers/kafka-server.ts';
import { startPostgres } from '../mesh/testing/servers/postgres-server.ts';
import { startRabbitmq } from '../mesh/testing/servers/rabbitmq-server.ts';
import { startProcess } from '../mesh/testing/servers/start-process.ts';
import type { Effects } from './rolling/effects.ts';
import { formatTable } from './support/format.ts';
import { previousCommit } from './support/previous-commit.ts';
import { stopOnSignal, untilStopped } from './support/stop-on-signal.ts';
import { nextToEachOther, oneAfterTheOther } from './upgrade/back-and-forth.ts';
import { openHeldCarrier } from './upgrade/held-carrier.ts';
import { checkOut, type PreviousTree } from './upgrade/previous-tree.ts';
import { inTime, type StartVersion } from './upgrade/versions.ts';

// `make verify-upgrade`: runs the program of an earlier commit (PREVIOUS, else the last tag) and this one on the same data, back and
// forth, while orders are placed, and prints what the orders did. Exits with 1 if an effect is lost or doubled.

const root = fileURLToPath(new URL('..', import.meta.url));
const commit = await previousCommit(root, process.env.PREVIOUS).catch(orExit);
if (commit === undefined) orExit(new Error('there is no tag of a release: make verify-upgrade PREVIOUS=<commit>'));
// Before what it needs is installed.
if (process.argv[2] === 'check-previous') process.exit(0);
const folder = await mkdtemp(join(tmpdir(), 'mesh-upgrade-'));
// After the meshes, which are killed at the exit of this program too.
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
const stopping = stopOnSignal();
try {
  await using stack = new AsyncDisposableStack();
  await untilStopped(verify(commit, stack), stopping);
} catch (error) {
  process.stderr.write(stopping.aborted ? 'stopped\n' : `${messageOf(error)}\n`);
  process.exitCode = stopping.aborted ? 130 : 1;
}
// What was stopped need not end.
process.exit();

async function verify(commit: string, stack: AsyncDisposableStack): Promise<void> {
  const previous = await checkOut(root, commit, join(folder, 'previous'));
  console.log(`from ${previous.commit} to this tree`);
  const say = (line: string) => console.log(`  ${line}`);

  console.log('on SQLite');
  const alone = stack.use(await openHeldCarrier(join(folder, 'carrier-sqlite.db')));
  const ofFiles = starterOf(previous, 'sqlite', alone.url, {});
  const { wayBack, ...onFiles } = await oneAfterTheOther({ carrier: alone, start: ofFiles, say });
  report(onFiles);
  console.log(`  the older version on these files: ${wayBack}`);

  console.log('on PostgreSQL, Kafka and RabbitMQ');
  const servers = await startServers(stack);
  const carrier = stack.use(await openHeldCarrier(join(folder, 'carrier-shared.db')));
  const start = starterOf(previous, 'shared', carrier.url, servers);
  report(await nextToEachOther({ carrier, start, say }));
}

/** Starts the servers at the same time. Those that have started are stopped with the stack, if another one fails too. */
async function startServers(stack: AsyncDisposableStack): Promise<Readonly<Record<string, string>>> {
  const stopped = async <Server extends { stop(): Promise<void> }>(starting: Promise<Server>): Promise<Server> => {
    const server = await starting;
    stack.defer(() => server.stop());
    return server;
  };
  const starting = [stopped(startPostgres()), stopped(startKafka()), stopped(startRabbitmq())] as const;
  await Promise.allSettled(starting);
  const [postgres, kafka, rabbitmq] = await Promise.all(starting);
  return {
    DATABASE_URL: postgres.url('<service>').replace('%3Cservice%3E', '<service>'),
    EVENTS_URL: `kafka://${kafka.brokers}`,
    TASKS_URL: rabbitmq.url,
    DATABASE_POOL_SIZE: '2',
  };
}

/** On SQLite both versions have one data folder, on servers one each, as two instances of a service have. */
function starterOf(
  previous: PreviousTree,
  name: string,
  carrierUrl: string,
  servers: Readonly<Record<string, string>>,
): StartVersion {
  const hasServers = Object.keys(servers).length > 0;
  return async (version) => {
    const dataDir = join(folder, name, hasServers ? version : 'data');
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    const starting = startProcess({
      dataDir,
      ...(version === 'older' && { main: previous.main }),
      environment: { CARRIER_URL: carrierUrl, MAIL_URL: `file:${join(folder, name, 'mail')}`, ...servers },
    });
    return await inTime(`the ${version} version neither started nor ended`, starting);
  };
}

function report({ orders, lost, doubled, deadLetters, findings }: Effects): void {
  const faults = { 'effects lost': lost, 'effects doubled': doubled, 'dead letters': deadLetters, findings };
  const counts = Object.entries(faults).map(([name, found]) => [name, `${found.length}`]);
  for (const line of formatTable([['orders completed', `${orders}`], ...counts])) console.log(`  ${line}`);
  const found = Object.values(faults).flat();
  for (const fault of found.slice(0, 20)) console.log(`  ${fault}`);
  if (found.length > 0) process.exitCode = 1;
}

function orExit(error: unknown): never {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(2);
}
