import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../mesh/errors/error-text.ts';
import { freePort } from '../mesh/testing/servers/free-port.ts';
import { runnableServices } from '../services/all.ts';
import { isClean, verifyRolling } from './rolling/run.ts';
import { startSplitMesh } from './rolling/split-mesh.ts';
import { reportLines } from './rolling/table.ts';

// Starts a mesh with two processes of each service, replaces all of them one after another under load through the door, and
// prints how many calls failed and what the orders did. Arguments: the services to restart. Default: all.

const names = runnableServices.map(({ name }) => name);
const services = process.argv.length > 2 ? process.argv.slice(2) : names;
const unknown = services.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`unknown service ${unknown.join(', ')}: use ${names.join(', ')}\n`);
  process.exit(2);
}
const dataDir = join('data', 'rolling');
const log = join(dataDir, 'log');
try {
  await mkdir(dataDir, { recursive: true });
  const environment = {
    REPLICAS: '2',
    LOG_LEVEL: process.env.LOG_LEVEL || 'warn',
    GRPC_LISTEN: `127.0.0.1:${await freePort()}`,
  };
  console.log(`starting a mesh with two processes of each service; its log is ${log}`);
  await using mesh = await startSplitMesh({ dataDir, log, environment });
  const result = await verifyRolling(mesh, {
    services,
    ordersPerSecond: 4,
    ghzCallsPerSecond: 50,
    quietMs: 3_000,
    say: console.log,
  });
  for (const line of reportLines(result)) console.log(line);
  process.exitCode = isClean(result) ? 0 : 1;
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 2;
}
