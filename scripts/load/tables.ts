import { formatTable } from '../support/format.ts';
import type { RunResult } from './ghz.ts';
import type { ServerFigures, ServerMetrics } from './server.ts';

/** A figure that could not be measured. */
const unknown = '-';

/** One row per run of ghz, and one with the sum if there are several. All but the errors is of the calls that succeeded. */
export function resultTable(runs: readonly RunResult[]): string[][] {
  const header = ['call', 'callers', 'calls', 'calls/s', 'p50', 'p95', 'p99', 'max', 'errors', 'cores of ghz'];
  const rows = runs.map((run) => {
    const { config, calls, perSecond, latency, cores } = run;
    return [
      config.call.replace(/\.(\w+)$/, '/$1'),
      config.rps === undefined ? `${config.concurrency ?? `up to ${config['concurrency-end']}`}` : `${config.rps}/s`,
      whole(calls),
      whole(perSecond),
      ...[latency.p50, latency.p95, latency.p99, latency.max].map((ms) => (calls === 0 ? unknown : duration(ms))),
      whole(failedCalls(run)),
      coresText(cores),
    ];
  });
  if (runs.length > 1) rows.push(sumRow(runs));
  return [header, ...rows];
}

function sumRow(runs: readonly RunResult[]): string[] {
  const sum = (of: (run: RunResult) => number) => runs.reduce((total, run) => total + of(run), 0);
  const cores = runs.every((run) => run.cores !== undefined) ? sum((run) => run.cores ?? 0) : undefined;
  const callers = sum(({ config }) => config.rps ?? config.concurrency ?? 0);
  return [
    'all',
    runs[0]?.config.rps === undefined ? whole(callers) : `${callers}/s`,
    whole(sum(({ calls }) => calls)),
    whole(sum(({ perSecond }) => perSecond)),
    ...allLatencies(runs),
    whole(sum(failedCalls)),
    coresText(cores),
  ];
}

/** The percentiles of all calls that succeeded, as in the columns of the table. */
function allLatencies(runs: readonly RunResult[]): string[] {
  const latencies = runs
    .flatMap(({ details }) => details.filter(({ isOk }) => isOk).map(({ latencyMs }) => latencyMs))
    .toSorted((a, b) => a - b);
  return [0.5, 0.95, 0.99, 1].map((share) => percentileOf(latencies, share));
}

function percentileOf(sorted: readonly number[], share: number): string {
  const ms = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return ms === undefined ? unknown : duration(ms);
}

/** One row per step of a ramp. */
export function rampTable({ config, details }: RunResult): string[][] | undefined {
  const { 'concurrency-start': start = 0, 'concurrency-step': step = 0, 'concurrency-end': end = 0 } = config;
  const stepMs = Number.parseFloat(config['concurrency-step-duration'] ?? '') * (isSeconds(config) ? 1_000 : 1);
  if (step === 0 || details.length === 0) return undefined;
  const firstMs = details.reduce((first, { startMs }) => Math.min(first, startMs), Number.POSITIVE_INFINITY);
  const rows = Array.from({ length: (end - start) / step + 1 }, (_, index) => {
    const from = firstMs + index * stepMs;
    const latencies = details
      .filter(({ startMs, isOk }) => isOk && startMs >= from && startMs < from + stepMs)
      .map(({ latencyMs }) => latencyMs)
      .toSorted((a, b) => a - b);
    const percentiles = [0.5, 0.99].map((share) => percentileOf(latencies, share));
    return [`${start + index * step}`, whole((latencies.length * 1_000) / stepMs), ...percentiles];
  });
  return [['callers', 'calls/s', 'p50', 'p99'], ...rows];
}

function isSeconds(config: RunResult['config']): boolean {
  return /\ds$/.test(config['concurrency-step-duration'] ?? '');
}

/** The results of all runs as lines of text. */
export function runLines(runs: readonly RunResult[]): string[] {
  const ramps = runs.flatMap((run) => rampTable(run) ?? []);
  return [
    ...formatTable(resultTable(runs)),
    ...(ramps.length > 0 ? ['', ...formatTable(ramps)] : []),
    ...runs.flatMap(errorLines),
  ];
}

/** The calls of a run that ended with an error. */
export function failedCalls({ codes }: RunResult): number {
  return [...codes].reduce((sum, [code, calls]) => (code === 'OK' ? sum : sum + calls), 0);
}

/** The errors of a run, by code, then by text. */
export function errorLines({ config, codes, errors }: RunResult): string[] {
  const byCode = [...codes].filter(([code]) => code !== 'OK').map(([code, calls]) => `${whole(calls)} x ${code}`);
  if (byCode.length === 0) return [];
  const texts = [...errors].map(([text, calls]) => `  ${whole(calls)} x ${text}`);
  return [`errors of ${config.call}: ${byCode.join(', ')}`, ...texts];
}

/** When the mesh stopped, by the calls that succeeded, and what to do. It stopped before the load if there were no runs. */
export function describeStop(address: string, runs: readonly RunResult[]): string {
  const seconds = Math.max(0, ...runs.map((run) => run.seconds));
  const endOrBefore = runs.length === 0 ? 'before the load' : 'after the load';
  const when = runs.some(failedCalls) ? `after ${seconds.toFixed(1)} s` : endOrBefore;
  const orderRuns = runs.filter(({ config }) => config.call === 'order.v1.OrderService.PlaceOrder');
  const orders = whole(orderRuns.reduce((sum, { calls }) => sum + calls, 0));
  const accepted = orderRuns.length === 0 ? '' : `; ${orders} orders were accepted`;
  return `the mesh at ${address} stopped ${when}${accepted}; not audited: run "make start", then "make audit"`;
}

/** What the server used, and its metrics or how to get them. */
export function serverLines(figures: ServerFigures, runs: readonly RunResult[]): string[] {
  const { pid, processor, memoryMb, metrics, metricsProblem } = figures;
  const calls = runs.reduce((sum, run) => sum + run.calls, 0);
  const loopSeconds = metrics?.grown.get('ordermesh_event_loop_busy_seconds_total');
  const used = [
    processor === undefined
      ? '(cores not known)'
      : `used ${coresText(processor.cores)} cores (${whole(calls / processor.seconds)} calls/s of one core)`,
    ...(metrics && loopSeconds !== undefined
      ? [`its event loop was busy ${whole((100 * loopSeconds) / metrics.seconds)} % of the time`]
      : []),
    ...(memoryMb === undefined ? [] : [`it has ${whole(memoryMb)} MB of memory`]),
  ];
  return [`server: process ${pid} ${used.join(', ')}`, ...(metrics ? metricLines(metrics) : [metricsProblem])];
}

/** The calls of each contract, and the other counters that grew. */
function metricLines({ seconds, grown, contracts }: ServerMetrics): string[] {
  const rows = [...contracts].map(([contract, { running, waiting, streams, meanWaiting }]) => {
    const started = grown.get(`ordermesh_calls_started_total{contract="${contract}"}`) ?? 0;
    // Little's law: how many wait is how many come in a second times how long each waits.
    const waitMs = started === 0 ? 0 : (meanWaiting / (started / seconds)) * 1_000;
    // Handlers that never wait end before a sample can see them.
    return [
      contract,
      whole(started),
      running === 0 ? unknown : `${running}`,
      `${waiting}`,
      `${streams}`,
      duration(waitMs),
    ];
  });
  const others = [...grown].filter(([series]) => !/^ordermesh_(calls_started|process_cpu|event_loop)/.test(series));
  return [
    ...(rows.length === 0
      ? []
      : formatTable([['calls', 'started', 'running at a time', 'waiting', 'streams', 'mean wait'], ...rows])),
    ...others.map(([series, growth]) => `metrics: ${series} grew by ${whole(growth)}`),
  ];
}

function coresText(cores: number | undefined): string {
  return cores === undefined ? '' : cores.toFixed(2);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function duration(ms: number): string {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(2)} s`;
  return ms >= 10 ? `${ms.toFixed(0)} ms` : `${ms.toFixed(2)} ms`;
}
