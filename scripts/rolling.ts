import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../mesh/errors/error-text.ts';
import { openStorage } from '../mesh/storage/open.ts';
import { freePort } from '../mesh/testing/servers/free-port.ts';
import { startSimulatedCarrier } from '../services/shipping/carrier/simulated-carrier.ts';
import { isClean, verifyRolling } from './rolling/run.ts';
import { startSplitMesh } from './rolling/split-mesh.ts';
import { reportLines } from './rolling/table.ts';
import { splitServices } from './split/run.ts';
import { stopOnSignal } from './support/stop-on-signal.ts';

// Starts a mesh with two processes of each service, replaces all of them one after another under load through the gateway, by gRPC
// and REST, and prints how many calls failed and what the orders did. Arguments: the services to restart. Default: all.

const names = splitServices.map(({ name }) => name);
const services = process.argv.length > 2 ? process.argv.slice(2) : names;
const unknown = services.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`unknown service ${unknown.join(', ')}: use ${names.join(', ')}\n`);
  process.exit(2);
}
const dataDir = join(process.env.DATA_DIR || 'data', 'rolling');
const log = join(dataDir, 'log');
// The mesh drains then, so all calls end.
const stopping = stopOnSignal();
try {
  await mkdir(dataDir, { recursive: true });
  await using stack = new AsyncDisposableStack();
  const storage = await openStorage(`sqlite:${join(dataDir, 'carrier.db')}`);
  stack.defer(() => storage.close());
  const carrier = await startSimulatedCarrier(storage);
  stack.defer(carrier.close);
  const environment = {
    CARRIER_URL: carrier.url,
    REPLICAS: '2',
    LOG_LEVEL: process.env.LOG_LEVEL || 'warn',
    GRPC_LISTEN: `127.0.0.1:${await freePort()}`,
    HTTP_LISTEN: `127.0.0.1:${await freePort()}`,
  };
  console.log(`starting a mesh with two processes of each service; its log is ${log}`);
  await using mesh = await startSplitMesh({ dataDir, log, environment, signal: stopping });
  const result = await verifyRolling(mesh, {
    services,
    ordersPerSecond: 4,
    ghzCallsPerSecond: 50,
    quietMs: 3_000,
    liveShipments: carrier.liveShipments,
    signal: stopping,
    say: console.log,
  });
  for (const line of reportLines(result)) console.log(line);
  process.exitCode = isClean(result) ? 0 : 1;
} catch (error) {
  process.stderr.write(stopping.aborted ? 'stopped\n' : `${messageOf(error)}\n`);
  process.exitCode = stopping.aborted ? 130 : 2;
}
