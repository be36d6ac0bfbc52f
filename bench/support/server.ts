import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type ProcessOptions, type StartedProcess, startProcess } from '../../test/support/start-process.ts';

/** A server under load, alone on the first core: whatever puts load on it belongs on the second. */
export interface LoadedServer extends StartedProcess {
  /** The processor time that it has used, in seconds. */
  cpuSeconds(): number;
  /** The memory that it holds now, in MB. */
  residentMb(): number;
  /** How long it has been ready to run and waited for a processor, in milliseconds. */
  waitedMs(): number;
}

export const serverCore = 0;
export const loadCore = 1;

// Linux counts processor time in hundredths of a second for every program, whatever the kernel's own tick is.
const ticksPerSecond = 100;
const pageBytes = 4096;

/** Starts the mesh, or another server of this project, on a core of its own. */
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

/** Keeps a process, with all its threads, on one core. */
export function pin(pid: number, core: number): void {
  execFileSync('taskset', ['-a', '-p', '-c', String(core), String(pid)]);
}

/** The memory that a process holds, in MB. */
export function residentMbOf(pid: number): number {
  const pages = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1];
  return (Number(pages) * pageBytes) / 1_000_000;
}

/** How long the main thread of a process has been ready to run and waited for a processor, in milliseconds. */
export function waitedMsOf(pid: number): number {
  const waitedNs = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[1];
  return Number(waitedNs) / 1_000_000;
}

/** The processor time that a process has used with all its threads, in seconds. */
export function cpuSecondsOf(pid: number): number {
  // The second field, the name, may have spaces in it; what follows its bracket has none.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
