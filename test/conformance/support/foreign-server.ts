import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { eventually } from '../../../mesh/testing/eventually.ts';
import { freePort } from '../../../mesh/testing/servers/free-port.ts';
import { spawnGuarded } from '../../../mesh/testing/servers/guarded-process.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import type { TestTarget } from '../test-service/start.ts';

/** Starts a third-party server on a free port and waits until it listens. */
export async function startForeignServer(command: (port: number) => readonly string[]): Promise<TestTarget> {
  const folder = await tempFolder();
  const log = join(folder.path, 'log');
  const port = await freePort();
  const server = spawnGuarded({ command: command(port), log, removeFolder: folder.path });
  const stop = async () => {
    await server.end('KILL');
    await folder[Symbol.asyncDispose]();
  };
  try {
    await eventually(() => tryConnect(port), { timeoutMs: 40_000 });
  } catch (error) {
    const text = `the server does not listen on ${port}; its output:\n${await readFile(log, 'utf8')}`;
    await stop();
    throw new Error(text, { cause: error });
  }
  return { port, stop };
}

async function tryConnect(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
}
