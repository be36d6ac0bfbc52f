import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '#mesh/testing';
import { reach } from '../../mesh/testing/servers/reach.ts';

export interface RestartableCommand {
  /** Where it listens. */
  readonly address: string;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** A server that runs apart from this process. It is killed when it goes out of scope. */
export interface RestartableServer extends AsyncDisposable {
  /** For `verify-participant --restart`. */
  readonly restart: string;
}

const page = new URL('../../docs/participants.md', import.meta.url);

/**
 * Starts a server with the script that `docs/participants.md` shows, which also kills it and starts it again. Its process id
 * and output go to `folder`.
 */
export async function startRestartable(
  { address, command, environment = {} }: RestartableCommand,
  folder: string,
): Promise<RestartableServer> {
  const [script, pid, log] = [join(folder, 'restart.sh'), join(folder, 'pid'), join(folder, 'log')];
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const started = [...variables, ...command, '>>', log, '2>&1'].join(' ');
  const shown = /^ *```sh\n(?<text> *#!\/bin\/sh\n.*?)^ *```/ms.exec(await readFile(page, 'utf8'))?.groups?.text ?? '';
  const text = shown.replaceAll('shipping.pid', pid).replace('./shipping --data shipping.db', () => started);
  await writeFile(script, text);
  await using stack = new AsyncDisposableStack();
  // At the first start there is nothing to kill: errors of `kill` and `ps` do not end the script.
  await promisify(execFile)('sh', [script]);
  stack.defer(async () => void process.kill(Number(await readFile(pid, 'utf8')), 'SIGKILL'));
  await eventually(() => reach(address), { timeoutMs: 30_000 });
  const server = stack.move();
  return { restart: `sh ${script}`, [Symbol.asyncDispose]: () => server.disposeAsync() };
}
