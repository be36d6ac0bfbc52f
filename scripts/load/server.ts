import { setTimeout as sleep } from 'node:timers/promises';
import type { Mesh } from '../../examples/support/mesh.ts';
import { measureCores, processStartMs, residentMb, variableOf } from './process.ts';

/** What the server did during a run. */
export interface ServerFigures {
  readonly pid: number;
  /** How many cores it used. Undefined if it is on another machine. */
  readonly cores: number | undefined;
  readonly memoryMb: number | undefined;
  /** Undefined if their address is not known. */
  readonly metrics: ServerMetrics | undefined;
}

/** What the metrics of the server showed. */
export interface ServerMetrics {
  /** Counters that grew, and by how much. */
  readonly grown: ReadonlyMap<string, number>;
  /** For each contract that had calls: the highest number of those that were running, waiting and streams. */
  readonly highest: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

type Values = ReadonlyMap<string, number>;

const scrapeIntervalMs = 1_000;
// Clocks of the kernel and of the process differ by this much.
const sameStartMs = 5_000;
/**
 * Watches the process behind the address of a mesh until `end` is called. Without an address of its metrics, that of a process
 * of this machine is found.
 */
export async function watchServer({ status }: Mesh, metricsAddress: string | undefined) {
  const { process } = await status.getStatus({});
  const pid = process?.pid ?? 0;
  const startMs = process?.startTime?.getTime() ?? 0;
  // Another machine may have a process with this id too.
  const isHere = Math.abs((processStartMs(pid) ?? 0) - startMs) < sameStartMs;
  const foundAddress = metricsAddress ?? (isHere ? variableOf(pid, 'METRICS_LISTEN') : undefined);
  const metrics = foundAddress ? await watchMetrics(foundAddress) : undefined;
  const cores = isHere ? measureCores(pid) : () => undefined;
  return {
    async end(): Promise<ServerFigures> {
      const usedCores = cores();
      return { pid, cores: usedCores, memoryMb: isHere ? residentMb(pid) : undefined, metrics: await metrics?.end() };
    },
  };
}

async function watchMetrics(address: string): Promise<{ end(): Promise<ServerMetrics> }> {
  const first = await scrape(address);
  const highest = new Map<string, Map<string, number>>();
  const stop = new AbortController();
  const sampling = (async () => {
    while (!stop.signal.aborted) {
      addHighest(highest, await scrape(address));
      await sleep(scrapeIntervalMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return {
    async end() {
      stop.abort();
      await sampling;
      return { grown: growth(first, await scrape(address)), highest };
    },
  };
}

function addHighest(highest: Map<string, Map<string, number>>, values: Values): void {
  for (const [series, value] of values) {
    const [, name = '', contract = ''] =
      /^ordermesh_calls_(running|waiting|streams)\{contract="(.*)"\}$/.exec(series) ?? [];
    if (name === '' || value === 0) continue;
    const ofContract = highest.get(contract) ?? new Map<string, number>();
    ofContract.set(name, Math.max(ofContract.get(name) ?? 0, value));
    highest.set(contract, ofContract);
  }
}

function growth(first: Values, last: Values): Map<string, number> {
  const counters = [...last].filter(([series]) => /^\w+_total(\{|$)/.test(series));
  const grown = counters.map(([series, value]) => [series, value - (first.get(series) ?? 0)] as const);
  return new Map(grown.filter(([, by]) => by > 0));
}

/** No values if the mesh cannot be reached: then its calls fail too. */
async function scrape(address: string): Promise<Values> {
  const response = await fetch(`http://${address}/metrics`).catch(() => undefined);
  const samples = [...((await response?.text()) ?? '').matchAll(/^(\w+(?:\{.*\})?) (\S+)$/gm)];
  return new Map(samples.map(([, series = '', value]) => [series, Number(value)]));
}
