import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { exitCode } from '../../examples/support/failures.ts';
import { CommandError } from '../ordermesh/cli.ts';
import { measureProcessor } from './process.ts';
import type { GhzConfig } from './profile.ts';

/** What ghz reports; durations are in nanoseconds. */
interface GhzReport {
  readonly count: number;
  readonly total: number;
  readonly slowest: number;
  readonly statusCodeDistribution: Readonly<Record<string, number>>;
  readonly errorDistribution: Readonly<Record<string, number>>;
  readonly latencyDistribution: readonly { readonly percentage: number; readonly latency: number }[] | null;
  readonly details: readonly { readonly timestamp: string; readonly latency: number; readonly status: string }[] | null;
}

/** The result of one run of ghz. */
export interface RunResult {
  readonly config: GhzConfig;
  /** Those that succeeded. */
  readonly calls: number;
  /** From the first call to the end of the last one that succeeded. */
  readonly seconds: number;
  /** Of the calls that succeeded: refused calls cost nothing, so their rate shows nothing. */
  readonly perSecond: number;
  /** In milliseconds, of the calls that succeeded. */
  readonly latency: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
  /** Calls by the code they ended with. */
  readonly codes: ReadonlyMap<string, number>;
  /** Calls by the text of their error. */
  readonly errors: ReadonlyMap<string, number>;
  /** When each call started, in milliseconds since 1970, and how long it took; a million of them at most. */
  readonly details: readonly { readonly startMs: number; readonly latencyMs: number; readonly isOk: boolean }[];
  /** How many cores ghz used. Undefined if the system does not report it. */
  readonly cores: number | undefined;
}

const workFolder = '.cache/load';
const maxDetails = 1_000_000;

/** Throws a CommandError that explains how to get ghz if it is not on the path. */
export async function requireGhz(): Promise<void> {
  await promisify(execFile)('ghz', ['--version']).catch(() => {
    const help = 'ghz is missing: run "make deps-peers" (it needs Go), or install ghz 0.121 and put it on the path';
    throw new CommandError(help, exitCode.usage);
  });
}

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs ghz with all configurations at the same time, until all have ended. If one fails, the others are killed, and its error is
 * thrown. All are killed if a signal ends this process.
 */
export async function runAll(configs: readonly GhzConfig[]): Promise<RunResult[]> {
  const failing = new AbortController();
  const stop = (signal: NodeJS.Signals) => {
    failing.abort();
    removeStops();
    process.stderr.write(`stopped by ${signal}: not audited: run "make audit"\n`);
    process.kill(process.pid, signal);
  };
  const removeStops = () => {
    for (const signal of stopSignals) process.removeListener(signal, stop);
  };
  for (const signal of stopSignals) process.on(signal, stop);
  const runs = configs.map(async (config, index) => {
    try {
      return await runGhz(config, index, failing.signal);
    } catch (error) {
      failing.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(runs);
  removeStops();
  failing.signal.throwIfAborted();
  return Promise.all(runs);
}

/** Throws a CommandError with the output of ghz if it fails. */
async function runGhz(config: GhzConfig, index: number, signal: AbortSignal): Promise<RunResult> {
  await mkdir(workFolder, { recursive: true });
  const [configFile, output] = ['config', 'output'].map((kind) =>
    join(workFolder, `${process.pid}-${index}.${kind}.json`),
  ) as [string, string];
  try {
    await writeFile(configFile, JSON.stringify(config));
    signal.throwIfAborted();
    const child = spawn('ghz', ['--config', configFile, '--format', 'json', '--output', output], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const abandon = () => {
      child.kill('SIGKILL');
      // Here too: a signal leaves no time for the end of this function.
      for (const file of [configFile, output]) rmSync(file, { force: true });
    };
    signal.addEventListener('abort', abandon, { once: true });
    const processor = measureProcessor(child.pid);
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
      });
    }
    const [code, killedBy] = await once(child, 'close');
    if (code !== 0) {
      const reason = killedBy ? `killed by ${killedBy}` : printed.trim();
      throw new CommandError(`ghz failed on ${config.call}: ${reason}`, exitCode.attention);
    }
    return resultOf(config, JSON.parse(await readFile(output, 'utf8')), processor()?.cores);
  } finally {
    await Promise.all([configFile, output].map((file) => rm(file, { force: true })));
  }
}

function resultOf(config: GhzConfig, report: GhzReport, cores: number | undefined): RunResult {
  const percentile = (wanted: number) =>
    (report.latencyDistribution?.find(({ percentage }) => percentage === wanted)?.latency ?? 0) / 1e6;
  const details = (report.details ?? []).map(({ timestamp, latency, status }) => ({
    // The timestamp of ghz is the end of the call.
    startMs: Date.parse(timestamp) - latency / 1e6,
    latencyMs: latency / 1e6,
    isOk: status === 'OK',
  }));
  const calls = report.statusCodeDistribution.OK ?? 0;
  const seconds = calls === report.count ? report.total / 1e9 : secondsToLastSuccess(details, report.total / 1e9);
  return {
    config,
    calls,
    seconds,
    perSecond: calls === 0 ? 0 : calls / seconds,
    latency: { p50: percentile(50), p95: percentile(95), p99: percentile(99), max: report.slowest / 1e6 },
    codes: new Map(Object.entries(report.statusCodeDistribution)),
    errors: new Map(Object.entries(report.errorDistribution)),
    details,
    cores,
  };
}

function secondsToLastSuccess(details: RunResult['details'], totalSeconds: number): number {
  // ghz keeps only so many: the last ones may be missing.
  if (details.length >= maxDetails) return totalSeconds;
  let [firstMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { startMs, latencyMs, isOk } of details) {
    firstMs = Math.min(firstMs, startMs);
    if (isOk) lastMs = Math.max(lastMs, startMs + latencyMs);
  }
  return Math.max(0, lastMs - firstMs) / 1_000;
}
