import { execFileSync } from 'node:child_process';

/** Returns the id of the process that listens on an address. */
export function listenerOf(address: string): number {
  const port = address.slice(address.lastIndexOf(':') + 1);
  const output = execFileSync('ss', ['-Hltnp', `sport = :${port}`], { encoding: 'utf8' });
  const [, pid] = /pid=(\d+)/.exec(output) ?? [];
  if (pid === undefined) throw new Error(`no process listens on ${address}: ${output}`);
  return Number(pid);
}
