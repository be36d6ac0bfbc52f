import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { residentBytes } from '../../mesh/testing/servers/resident-bytes.ts';
import { startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { open } from './support/listing.ts';

const users = 20_000;
const listBytes = users * 850;
const stoppedReaders = 12;
const pauseEveryBytes = 256 * 1024;
const sampleMs = 20;

/** Reads a list to its end, with pauses. Returns how many lines it has. */
async function readSlowly(list: IncomingMessage): Promise<number> {
  let lines = 0;
  let unpausedBytes = 0;
  for await (const chunk of list) {
    for (let at = chunk.indexOf('\n'); at >= 0; at = chunk.indexOf('\n', at + 1)) lines += 1;
    unpausedBytes += chunk.length;
    if (unpausedBytes < pauseEveryBytes) continue;
    unpausedBytes = 0;
    await delay(1);
  }
  return lines;
}

it('holds little of long lists whose readers are slow or have stopped', { timeout: 60_000 }, async () => {
  await using folder = await tempFolder();
  const main = 'test/edge/support/long-list-main.ts';
  const environment = { HTTP_LISTEN: '127.0.0.1:0', NODE_OPTIONS: '--expose-gc' };
  await using server = await startProcess({ dataDir: folder.path, main, environment });
  const openList = () => open(server.httpAddress ?? '', '/api/users', { accept: 'application/x-ndjson' });
  // Code and the heap of a list are not counted.
  expect(await readSlowly(await openList())).toBe(users);

  const pid = server.child.pid ?? Number.NaN;
  const beforeBytes = residentBytes(pid);
  let maxBytes = 0;
  const sampling = setInterval(() => {
    maxBytes = Math.max(maxBytes, residentBytes(pid));
  }, sampleMs);
  try {
    for (let stopped = 0; stopped < stoppedReaders; stopped += 1) await openList();
    expect(await readSlowly(await openList())).toBe(users);
  } finally {
    clearInterval(sampling);
  }
  expect(maxBytes - beforeBytes).toBeLessThan((stoppedReaders * listBytes) / 2);
});
