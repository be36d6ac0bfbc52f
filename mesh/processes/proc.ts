import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Reads a file of /proc. Empty if this system has no such file, or this user may not read it. */
export function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return '';
  }
}

const maxCommandLength = 200;

/** Names a process by its command line, as in `process 123 (node services/main.ts)`. */
export function describeProcess(pid: number): string {
  const command = readProc(`${pid}/cmdline`)
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim();
  const whole = command || readProc(`${pid}/comm`).trim();
  const name = whole.length > maxCommandLength ? `${whole.slice(0, maxCommandLength)}…` : whole;
  return name === '' ? `process ${pid}` : `process ${pid} (${name})`;
}

/** Returns the processes of this user that have an open file descriptor with this target, such as `socket:[17]`. */
export function processesWith(target: string): number[] {
  return entriesOf('')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => entriesOf(`${pid}/fd`).some((fd) => targetOf(`${pid}/fd/${fd}`) === target))
    .map(Number);
}

function entriesOf(path: string): string[] {
  try {
    return readdirSync(`/proc/${path}`);
  } catch {
    return [];
  }
}

function targetOf(path: string): string {
  try {
    return readlinkSync(`/proc/${path}`);
  } catch {
    return '';
  }
}
