import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../../mesh/testing/eventually.ts';
import { freePort, spawnGuarded } from '../../../mesh/testing/guarded-process.ts';
import type { TestTarget } from '../test-service/start.ts';

/** Starts a server of others on a free port, which `command` puts into its arguments; resolves when it listens. */
export async function startForeignServer(command: (port: number) => readonly string[]): Promise<TestTarget> {
  const folder = await mkdtemp(join(tmpdir(), 'mesh-conformance-'));
  const log = join(folder, 'log');
  const port = await freePort();
  const server = spawnGuarded({ command: command(port), log, removeFolder: folder });
  const stop = async () => {
    await server.end('KILL');
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await eventually(() => answers(port));
  } catch (error) {
    const text = `nothing listens on ${port}; the server wrote:\n${await readFile(log, 'utf8')}`;
    await stop();
    throw new Error(text, { cause: error });
  }
  return { port, stop };
}

async function answers(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
}
