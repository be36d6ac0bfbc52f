import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import type { Figure } from '../../figure.ts';
import { measureOrders, openOrderingMesh } from '../orders/order-rate.ts';
import { startServer } from '../server.ts';
import { canRecord, countFiles, countingEnvironment, recordedBytes, takeCounts } from './counts.ts';

const orders = 300;
// Fewer than in the other figures, because counting makes the process several times slower.
const callers = 16;

/** What an order costs, counted in a process that does nothing else. */
export async function countWork(): Promise<Figure[]> {
  await using folder = await tempFolder();
  const path = realpathSync(folder.path);
  const dataDir = join(path, 'data');
  // The recorder needs it before the process has made it.
  mkdirSync(dataDir);
  await using server = await startServer({ dataDir, environment: countingEnvironment(path, dataDir) });
  const mesh = await openOrderingMesh(server, dataDir);
  await measureOrders(mesh, orders, callers);
  await takeCounts(server, path);
  const from = canRecord() ? recordedBytes(path) : 0;
  await measureOrders(mesh, orders, callers);
  const counts = await takeCounts(server, path);
  const to = canRecord() ? recordedBytes(path) : 0;
  await server.kill9();
  return [
    ...Object.entries(counts).map(([name, count]) => figureOf(name, count)),
    ...(canRecord() ? fileFigures(path, from, to) : [notCounted]),
  ];
}

function fileFigures(folder: string, from: number, to: number): Figure[] {
  const { syncs, writes, bytesWritten } = countFiles(folder, from, to);
  return [
    figureOf('syncs of files', syncs),
    figureOf('writes to files', writes),
    figureOf('KB written', bytesWritten / 1_024),
  ];
}

function figureOf(name: string, count: number): Figure {
  return { name: `  ${name} of an order`, value: (count / orders).toFixed(2), target: '', met: true };
}

const notCounted: Figure = {
  name: '  syncs and bytes of an order',
  value: 'no C compiler',
  target: 'counted',
  met: false,
};
