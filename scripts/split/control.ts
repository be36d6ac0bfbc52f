import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { messageOf } from '../../mesh/errors/error-text.ts';

/** Carries out a command of another process, such as `restart order`. `say` sends it a line. Throws if it fails. */
export type Carry = (command: readonly string[], say: (line: string) => void) => Promise<void>;

/** The last line of an answer. */
const done = 'done';
const failed = 'failed: ';

/**
 * Listens for commands on a socket in the file system. Throws if another process listens there. A file that was left by a killed
 * process is replaced.
 */
export async function listenForCommands(path: string, carry: Carry): Promise<Disposable> {
  const other = await reach(path);
  if (other !== undefined) {
    other.destroy();
    throw new Error(`a split mesh is already running on ${path}: stop it, or set another DATA_DIR`);
  }
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    createInterface({ input: socket }).once('line', async (line) => {
      const say = (text: string) => socket.write(`${text}\n`);
      const outcome = async () => {
        try {
          await carry(line.split(' '), say);
          return done;
        } catch (error) {
          return `${failed}${messageOf(error)}`;
        }
      };
      socket.end(`${await outcome()}\n`);
    });
  });
  await once(server.listen(path), 'listening');
  // Commands stop processes: only this user may send them.
  chmodSync(path, 0o600);
  return { [Symbol.dispose]: () => void server.close() };
}

/** Sends a command and passes on the lines of its answer. Throws with the reason if it fails or nobody listens. */
export async function sendCommand(
  path: string,
  command: readonly string[],
  say: (line: string) => void,
): Promise<void> {
  const socket = await reach(path);
  if (socket === undefined)
    throw new Error(`no split mesh listens on ${path}: run "make start-split", or set DATA_DIR`);
  socket.write(`${command.join(' ')}\n`);
  for await (const line of createInterface({ input: socket })) {
    if (line === done) return;
    if (line.startsWith(failed)) throw new Error(line.slice(failed.length));
    say(line);
  }
  throw new Error('the split mesh ended before it had carried out the command');
}

/** Connects to the socket; undefined if nobody listens. */
async function reach(path: string): Promise<Socket | undefined> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return socket.on('error', () => undefined);
  } catch {
    return undefined;
  }
}
