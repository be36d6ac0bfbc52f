import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../mesh/errors/error-text.ts';
import { openStorage } from '../mesh/storage/open.ts';
import { startKafka } from '../mesh/testing/servers/kafka-server.ts';
import { startPostgres } from '../mesh/testing/servers/postgres-server.ts';
import { startRabbitmq } from '../mesh/testing/servers/rabbitmq-server.ts';
import { startProcess } from '../mesh/testing/servers/start-process.ts';
import { startSimulatedCarrier } from '../services/shipping/carrier/simulated-carrier.ts';
import type { Effects } from './rolling/effects.ts';
import { formatTable } from './support/format.ts';
import { nextToEachOther, oneAfterTheOther, type StartVersion } from './upgrade/forth-and-back.ts';
import { checkOut, type PreviousTree, previousCommit } from './upgrade/previous-tree.ts';

// `make verify-upgrade`: runs the program of an earlier commit (PREVIOUS, else the last tag) and this one on the same data, forth and
// back, while orders are placed, and prints what the orders did. Exits with 1 if an effect is lost or doubled.

const root = fileURLToPath(new URL('..', import.meta.url));
const commit = await previousCommit(root, process.env.PREVIOUS).catch(orExit);
if (commit === undefined) orExit(new Error('there is no tag of a release: make verify-upgrade PREVIOUS=<commit>'));
const folder = await mkdtemp(join(tmpdir(), 'mesh-upgrade-'));
try {
  const previous = await checkOut(root, commit, join(folder, 'previous'));
  console.log(`from ${previous.commit} to this tree`);
  await using stack = new AsyncDisposableStack();
  const say = (line: string) => console.log(`  ${line}`);

  console.log('on SQLite');
  const files = await openCarrier(stack, 'sqlite');
  const { wayBack, ...onFiles } = await oneAfterTheOther({
    ...files,
    start: starterOf(previous, 'sqlite', files.url, {}),
    say,
  });
  report(onFiles);
  console.log(`  the older version on these files: ${wayBack}`);

  console.log('on PostgreSQL, Kafka and RabbitMQ');
  const [postgres, kafka, rabbitmq] = await Promise.all([startPostgres(), startKafka(), startRabbitmq()]);
  for (const server of [postgres, kafka, rabbitmq]) stack.defer(() => server.stop());
  const shared = await openCarrier(stack, 'shared');
  const servers = {
    DATABASE_URL: postgres.url('<service>').replace('%3Cservice%3E', '<service>'),
    EVENTS_URL: `kafka://${kafka.brokers}`,
    TASKS_URL: rabbitmq.url,
    DATABASE_POOL_SIZE: '2',
  };
  report(await nextToEachOther({ ...shared, start: starterOf(previous, 'shared', shared.url, servers), say }));
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** A carrier outside of both versions, which has the shipments. */
async function openCarrier(stack: AsyncDisposableStack, name: string) {
  const storage = await openStorage(`sqlite:${join(folder, `carrier-${name}.db`)}`);
  stack.defer(() => storage.close());
  const carrier = await startSimulatedCarrier(storage);
  stack.defer(carrier.close);
  return { url: carrier.url, liveShipments: carrier.liveShipments };
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
    return await startProcess({
      dataDir,
      ...(version === 'older' && { main: previous.main }),
      environment: { CARRIER_URL: carrierUrl, MAIL_URL: `file:${join(folder, name, 'mail')}`, ...servers },
    });
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
