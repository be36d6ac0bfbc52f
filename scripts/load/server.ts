import { setTimeout as sleep } from 'node:timers/promises';
import type { Mesh } from '../../examples/support/mesh.ts';
import { measureProcessor, type ProcessorUse, processStartMs, residentMb, variableOf } from './process.ts';

/** What the server did during a run. */
export interface ServerFigures {
  readonly pid: number;
  /** Undefined if it is on another machine and its metrics are not known. */
  readonly processor: ProcessorUse | undefined;
  /** Undefined if it is on another machine. */
  readonly memoryMb: number | undefined;
  /** Undefined if their address is not known or they could not be read. */
  readonly metrics: ServerMetrics | undefined;
  /** Why there are no metrics, or what to do to have them. Empty if there are. */
  readonly metricsProblem: string;
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
const scrapeTimeoutMs = 5_000;
// Clocks of the kernel and of the process differ by this much.
const sameStartMs = 5_000;

/** A watch of the server. When it goes out of scope, nothing more is read. */
export interface ServerWatch extends Disposable {
  /** Ends the watch and returns what it saw. */
  end(): Promise<ServerFigures>;
}

/** The process behind the address of a mesh. */
export interface Server {
  readonly pid: number;
  /** Whether it runs on this machine. */
  readonly isHere: boolean;
  readonly metricsAddress: string | undefined;
  /** What to do if their address is not known. */
  readonly metricsHelp: string;
}

/** Finds the process behind the address of a mesh, and its metrics too if it runs on this machine. */
export async function findServer({ status }: Mesh, metricsAddress: string | undefined): Promise<Server> {
  const { process } = await status.getStatus({});
  const pid = process?.pid ?? 0;
  const startMs = process?.startTime?.getTime() ?? 0;
  // Another machine may have a process with this id too.
  const isHere = Math.abs((processStartMs(pid) ?? 0) - startMs) < sameStartMs;
  const listen = isHere ? variableOf(pid, 'METRICS_LISTEN') : undefined;
  // With port 0 the system chose the port.
  const found = listen && !listen.endsWith(':0') ? listen : undefined;
  const metricsHelp =
    listen === ''
      ? 'metrics: the mesh serves none: start it with METRICS_LISTEN=127.0.0.1:9464 to see its calls here'
      : 'metrics: set METRICS to the METRICS_LISTEN of the mesh to see its calls here; if it has none, start it with one';
  return { pid, isHere, metricsAddress: metricsAddress ?? found, metricsHelp };
}

/** Watches a process from now on. */
export async function watchServer({ pid, isHere, metricsAddress, metricsHelp }: Server): Promise<ServerWatch> {
  const metrics = metricsAddress === undefined ? undefined : await watchMetrics(metricsAddress);
  const processor = isHere ? measureProcessor(pid) : () => undefined;
  return {
    async end() {
      const usedHere = processor();
      const { shown, problem = '' } = (await metrics?.end()) ?? { problem: metricsHelp };
      const seconds = shown?.grown.get('ordermesh_process_cpu_seconds_total');
      const usedThere = shown && seconds !== undefined ? { seconds, cores: seconds / shown.seconds } : undefined;
      const memoryMb = isHere ? residentMb(pid) : undefined;
      return { pid, processor: usedHere ?? usedThere, memoryMb, metrics: shown, metricsProblem: problem };
    },
    [Symbol.dispose]() {
      processor();
      metrics?.stop();
    },
  };
}

async function watchMetrics(address: string) {
  const startMs = performance.now();
  const first = await scrape(address);
  const samples: Values[] = [];
  const stopping = new AbortController();
  const { signal } = stopping;
  const sampling = (async () => {
    while (!signal.aborted) {
      await sleep(scrapeIntervalMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      const sample = await scrape(address);
      if (sample.values) samples.push(sample.values);
    }
  })();
  return {
    stop: () => stopping.abort(),
    async end(): Promise<{ readonly shown?: ServerMetrics; readonly problem?: string }> {
      stopping.abort();
      await sampling;
      const last = await scrape(address);
      if (!first.values || !last.values) {
        return { problem: `metrics at ${address} cannot be read: ${first.problem ?? last.problem}` };
      }
      const grown = growth(first.values, last.values);
      const seconds = (performance.now() - startMs) / 1_000;
      return { shown: { seconds, grown, contracts: contractLoads(grown, [...samples, last.values]) } };
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

/** Returns the values of the metrics, or why they cannot be read. */
async function scrape(address: string): Promise<{ readonly values?: Values; readonly problem?: string }> {
  try {
    const response = await fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(scrapeTimeoutMs) });
    if (!response.ok) return { problem: `HTTP status ${response.status}` };
    const samples = [...(await response.text()).matchAll(/^(ordermesh_\w+(?:\{.*\})?) (\S+)$/gm)];
    if (samples.length === 0) return { problem: 'they are not those of a mesh' };
    return { values: new Map(samples.map(([, series = '', value]) => [series, Number(value)])) };
  } catch (error) {
    const { cause } = error as { readonly cause?: unknown };
    return { problem: cause instanceof Error ? cause.message : (error as Error).message };
  }
}
