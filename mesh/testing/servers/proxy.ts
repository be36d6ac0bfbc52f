import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../eventually.ts';
import type { TempFolder } from '../temp-folder.ts';
import { spawnGuarded } from './guarded-process.ts';
import { reach } from './reach.ts';

/** A running proxy. It stops when it goes out of scope or the test process exits. */
export interface StartedProxy extends AsyncDisposable {
  readonly address: string;
}

interface ProxyOptions {
  /** Runs the proxy in the foreground. */
  readonly command: readonly string[];
  readonly address: string;
  /** Removed with the proxy. */
  readonly folder: TempFolder;
}

/** Starts a proxy and waits until it listens. Throws with its output if it exits before. */
export async function startProxy({ command, address, folder }: ProxyOptions): Promise<StartedProxy> {
  const log = join(folder.path, 'proxy.log');
  const child = spawnGuarded({ command, log, removeFolder: folder.path });
  await eventually(async () => {
    if (child.exitCode !== null) return;
    await reach(address);
  });
  if (child.exitCode !== null) throw new Error(`${command.join(' ')} exited:\n${await readFile(log, 'utf8')}`);
  return {
    address,
    async [Symbol.asyncDispose]() {
      await child.end('TERM');
      await folder[Symbol.asyncDispose]();
    },
  };
}
