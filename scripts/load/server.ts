import { setTimeout as sleep } from 'node:timers/promises';
import type { Mesh } from '../../examples/support/mesh.ts';
import { measureCores, processStartMs, residentMb, variableOf } from './process.ts';

/** What the server did during a run. */
export interface ServerFigures {
  readonly pid: number;
  /** How many cores it used. Undefined if it is on another machine and its metrics are not known. */
  readonly cores: number | undefined;
  /** Undefined if it is on another machine. */
  readonly memoryMb: number | undefined;
  /** Undefined if their address is not known. */
  readonly metrics: ServerMetrics | undefined;
}

/** What the metrics of the server showed. */
export interface ServerMetrics {
  readonly seconds: number;
  /** Counters that grew, and by how much. */
  readonly grown: ReadonlyMap<string, number>;
  /** The contracts that had calls. */
  readonly contracts: ReadonlyMap<string, ContractLoad>;
}

/** The highest numbers of calls that were seen, and the mean of those that waited. */
export interface ContractLoad {
  readonly running: number;
  readonly waiting: number;
  readonly streams: number;
  readonly meanWaiting: number;
}

const counted = ['running', 'waiting', 'streams'] as const;

type Values = ReadonlyMap<string, number>;

const scrapeIntervalMs = 250;
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
      const coresHere = cores();
      const shown = await metrics?.end();
      const cpuSeconds = shown?.grown.get('ordermesh_process_cpu_seconds_total');
      const coresThere = shown && cpuSeconds !== undefined ? cpuSeconds / shown.seconds : undefined;
      return { pid, cores: coresHere ?? coresThere, memoryMb: isHere ? residentMb(pid) : undefined, metrics: shown };
    },
  };
}

async function watchMetrics(address: string): Promise<{ end(): Promise<ServerMetrics> }> {
  const startMs = performance.now();
  const first = await scrape(address);
  const samples: Values[] = [];
  const stop = new AbortController();
  const sampling = (async () => {
    while (!stop.signal.aborted) {
      await sleep(scrapeIntervalMs, undefined, { signal: stop.signal }).catch(() => undefined);
      samples.push(await scrape(address));
    }
  })();
  return {
    async end() {
      stop.abort();
      await sampling;
      const grown = growth(first, await scrape(address));
      const seconds = (performance.now() - startMs) / 1_000;
      return { seconds, grown, contracts: contractLoads(grown, samples) };
    },
  };
}

function contractLoads(grown: ReadonlyMap<string, number>, samples: readonly Values[]): Map<string, ContractLoad> {
  const contracts = [...grown.keys()].flatMap(
    (series) => /^ordermesh_calls_started_total\{contract="(.*)"\}$/.exec(series)?.[1] ?? [],
  );
  return new Map(
    contracts.map((contract) => {
      const [running = [], waiting = [], streams = []] = counted.map((name) =>
        samples.map((values) => values.get(`ordermesh_calls_${name}{contract="${contract}"}`) ?? 0),
      );
      const meanWaiting = waiting.reduce((sum, count) => sum + count, 0) / waiting.length;
      const most = (counts: number[]) => Math.max(0, ...counts);
      return [contract, { running: most(running), waiting: most(waiting), streams: most(streams), meanWaiting }];
    }),
  );
}

function growth(first: Values, last: Values): Map<string, number> {
  const counters = [...last].filter(([series]) => /^\w+_total(\{|$)/.test(series));
  const grown = counters.map(([series, value]) => [series, value - (first.get(series) ?? 0)] as const);
  return new Map(grown.filter(([, by]) => by > 0));
}

/** No values if the mesh cannot be reached: then its calls fail too. */
async function scrape(address: string): Promise<Values> {
  const text = await fetch(`http://${address}/metrics`)
    .then((response) => response.text())
    .catch(() => '');
  const samples = [...text.matchAll(/^(\w+(?:\{.*\})?) (\S+)$/gm)];
  return new Map(samples.map(([, series = '', value]) => [series, Number(value)]));
}
