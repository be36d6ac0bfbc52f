import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { residentBytes } from '../../mesh/testing/servers/resident-bytes.ts';
import { type ProcessOptions, type StartedProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';

/** A server under load, alone on the first core. The load belongs on the second core. */
export interface LoadedServer extends StartedProcess {
  /** Processor time used so far, in seconds. */
  cpuSeconds(): number;
  /** Resident memory, in MB. */
  residentMb(): number;
  /** Time it was ready to run but waited for a processor, in milliseconds. */
  waitedMs(): number;
}

export const serverCore = 0;
export const loadCore = 1;

// Linux reports processor time in hundredths of a second, independent of the kernel's own tick.
const ticksPerSecond = 100;

/** Starts the mesh or another server on the servers' core. */
export async function startServer(options: ProcessOptions): Promise<LoadedServer> {
  const server = await startProcess(options);
  const pid = server.child.pid ?? Number.NaN;
  pin(pid, serverCore);
  return {
    ...server,
    cpuSeconds: () => cpuSecondsOf(pid),
    residentMb: () => residentMbOf(pid),
    waitedMs: () => waitedMsOf(pid),
  };
}

const quietShare = 0.05;
const quietMs = 1_000;
const quietLimitMs = 120_000;

/** Waits until a server uses hardly any processor time, for what it catches up with after its start. Throws after 2 min. */
export async function untilQuiet({ cpuSeconds }: Pick<LoadedServer, 'cpuSeconds'>): Promise<void> {
  for (const endMs = performance.now() + quietLimitMs; performance.now() < endMs; ) {
    const before = cpuSeconds();
    await delay(quietMs);
    if ((cpuSeconds() - before) * 1_000 < quietShare * quietMs) return;
  }
  throw new Error('the server still uses its processor 2 min after its start');
}

/** Pins a process with all its threads to one core, or to several: `0,1`. */
export function pin(pid: number, core: number | string): void {
  execFileSync('taskset', ['-a', '-p', '-c', String(core), String(pid)]);
}

/** Returns the resident memory of a process, in MB. */
export function residentMbOf(pid: number): number {
  return residentBytes(pid) / 1_000_000;
}

/** Returns how long the main thread of a process was ready to run but waited for a processor, in milliseconds. */
export function waitedMsOf(pid: number): number {
  const waitedNs = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[1];
  return Number(waitedNs) / 1_000_000;
}

/** Returns the processor time of a process with all its threads, in seconds. */
export function cpuSecondsOf(pid: number): number {
  const [user = 0, system = 0] = ticksOf(pid);
  return (user + system) / ticksPerSecond;
}

/** Returns the processor time of a process, of its children, and of those children that have ended, in seconds. */
export function cpuSecondsOfTree(pid: number): number {
  const own = ticksOf(pid).reduce((sum, ticks) => sum + ticks, 0) / ticksPerSecond;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return children.reduce((sum, child) => sum + cpuSecondsOf(Number(child)), own);
}

/** Its own user and system time, and those of children that have ended. */
function ticksOf(pid: number): number[] {
  // The second field, the name, may contain spaces; the fields after its closing bracket do not.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).map(Number);
}
