import { readFileSync } from 'node:fs';

// Linux reports processor time in hundredths of a second, independent of the kernel's own tick.
const ticksPerSecond = 100;
const sampleMs = 50;

/** Returns the processor time of a process with all its threads, in seconds. Undefined if the system does not report it. */
export function processorSeconds(pid: number): number | undefined {
  const fields = statOf(pid);
  return fields && (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Returns when a process of this machine started, in milliseconds since 1970. Undefined if there is none with this id. */
export function processStartMs(pid: number): number | undefined {
  const fields = statOf(pid);
  const bootSeconds = /^btime (\d+)$/m.exec(read('/proc/stat'))?.[1];
  return fields && bootSeconds ? (Number(bootSeconds) + Number(fields[19]) / ticksPerSecond) * 1_000 : undefined;
}

/** Returns the resident memory of a process, in MB. Undefined if the system does not report it. */
export function residentMb(pid: number): number | undefined {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1_000;
}

/** Returns a variable with which a process was started; empty if it has none. Undefined if the system does not report it. */
export function variableOf(pid: number, name: string): string | undefined {
  const variables = read(`/proc/${pid}/environ`);
  if (variables === '') return undefined;
  const found = variables.split('\0').find((variable) => variable.startsWith(`${name}=`));
  return found?.slice(name.length + 1) ?? '';
}

/** What a process used of the processors. */
export interface ProcessorUse {
  readonly seconds: number;
  /** How many cores that is, on average. */
  readonly cores: number;
}

/** Measures a process until the returned function is called or the process ends. */
export function measureProcessor(pid: number | undefined): () => ProcessorUse | undefined {
  if (pid === undefined) return () => undefined;
  const first = processorSeconds(pid);
  const startMs = performance.now();
  let last = { seconds: first, atMs: startMs };
  const sample = () => {
    const seconds = processorSeconds(pid);
    if (seconds !== undefined) last = { seconds, atMs: performance.now() };
  };
  const timer = setInterval(sample, sampleMs).unref();
  return () => {
    clearInterval(timer);
    sample();
    if (first === undefined || last.seconds === undefined || last.atMs === startMs) return undefined;
    const seconds = last.seconds - first;
    return { seconds, cores: seconds / ((last.atMs - startMs) / 1_000) };
  };
}

/** The fields after the name, which may contain spaces. */
function statOf(pid: number): string[] | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat === '' ? undefined : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
