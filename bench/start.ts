import { setTimeout as delay } from 'node:timers/promises';
import { startProcess } from '../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { atMost, type Benchmark } from './figure.ts';
import { residentMbOf } from './support/server.ts';

const idleMs = 5_000;

/** The time to start all services on an empty folder, and their memory when idle. */
export const benchStart: Benchmark = async () => {
  await using folder = await tempFolder();
  const startMs = performance.now();
  await using mesh = await startProcess({ dataDir: folder.path });
  const readySeconds = (performance.now() - startMs) / 1_000;
  await delay(idleMs);
  return [
    atMost('start until ready', readySeconds, 3, 's'),
    atMost('  memory when idle', residentMbOf(mesh.child.pid ?? Number.NaN), 200, 'MB'),
  ];
};
