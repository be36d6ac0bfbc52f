import { isLocal, splitAddress } from '../../mesh/config/address.ts';
import { listenersOf } from '../../mesh/processes/port-user.ts';
import { readProc } from '../../mesh/processes/proc.ts';
import { SettingError } from '../support/failures.ts';

/** What `make start` runs: a whole mesh, so no other process completes its orders. */
const wholeMesh = /(?:^|\/)(?:services\/main|scripts\/start)\.ts$/;

/** Returns the process id of the whole mesh at `address`. Throws a `SettingError` if that is not a `make start` of this user. */
export function findMesh(address: string): number {
  const found = isLocal(address) ? listenersOf(splitAddress(address)[1]) : [];
  const [pid, ...others] = found.filter((pid) => wholeMesh.test(readProc(`${pid}/cmdline`).split('\0').at(-2) ?? ''));
  if (pid !== undefined && others.length === 0 && found.length === 1) return pid;
  const advice = 'run "make start" as the same user, or send SIGKILL to its process yourself while "make demo" runs';
  throw new SettingError(
    `KILL=1 finds no process of "make start" on this machine that listens at ${address}: ${advice}`,
  );
}

/** Kills the mesh as a crash does: no handler runs. */
export function killMesh(pid: number): void {
  process.kill(pid, 'SIGKILL');
  console.log(`  killed process ${pid}; start it again with "make start", as you did, within a minute`);
}
