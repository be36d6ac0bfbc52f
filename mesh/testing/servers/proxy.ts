import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
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

const startMs = 10_000;

/** Starts a proxy and waits until it listens. Throws with its output if it exits before. */
export async function startProxy({ command, address, folder }: ProxyOptions): Promise<StartedProxy> {
  const log = join(folder.path, 'proxy.log');
  const child = spawnGuarded({ command, log, removeFolder: folder.path });
  for (const endMs = performance.now() + startMs; child.exitCode === null; await delay(20)) {
    const failure = await reach(address).catch((error: unknown) => error);
    if (failure === undefined) break;
    if (performance.now() > endMs) throw failure;
  }
  if (child.exitCode !== null) throw new Error(`${command.join(' ')} exited:\n${await readFile(log, 'utf8')}`);
  return {
    address,
    async [Symbol.asyncDispose]() {
      await child.end('TERM');
      await folder[Symbol.asyncDispose]();
    },
  };
}
