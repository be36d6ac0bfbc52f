import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../ordermesh/cli.ts';

export const loadFolder = 'load';
/** The ids of the orders to watch, which `load/watch.json` reads. */
export const watchesFile = '.cache/load/watches.json';

/** A configuration of ghz. `make load` changes only these settings. */
export interface GhzConfig {
  readonly name: string;
  readonly call: string;
  readonly host: string;
  readonly 'data-file'?: string;
  readonly concurrency?: number;
  readonly connections: number;
  readonly duration?: string;
  readonly total?: number;
  readonly rps?: number;
  readonly async?: boolean;
  readonly 'concurrency-schedule'?: 'step';
  readonly 'concurrency-start'?: number;
  readonly 'concurrency-step'?: number;
  readonly 'concurrency-end'?: number;
  readonly 'concurrency-step-duration'?: string;
}

/** Several configurations of ghz that run at the same time. */
interface MixedProfile {
  readonly name: string;
  readonly concurrency: number;
  readonly connections: number;
  readonly duration: string;
  /** Each gets its share of the callers and of the connections, or of the rate. */
  readonly runs: readonly { readonly config: string; readonly share: number }[];
}

/** What the caller of `make load` sets. Unset: as the profile has it. */
export interface LoadOptions {
  readonly address: string;
  readonly durationMs: number | undefined;
  readonly concurrency: number | undefined;
  readonly connections: number | undefined;
  /** Calls per second, started on time even if earlier ones have not ended. */
  readonly rps: number | undefined;
}

/** A profile that is ready to run. */
export interface Profile {
  readonly title: string;
  readonly runs: readonly GhzConfig[];
}

/** How many watchers `load/watch.json` has for each order. */
export const watchersPerOrder = 16;
const watchedOrdersPerSecond = 50;
const rampSteps = 8;

/** Returns the profiles in `load/`, by name. */
export function listProfiles(): { readonly name: string; readonly title: string }[] {
  return readdirSync(loadFolder)
    .filter((file) => file.endsWith('.json'))
    .toSorted()
    .map((file) => ({ name: file.replace(/\.json$/, ''), title: readJson(file).name }));
}

/** Reads a profile and applies the options to it. Throws a UsageError if it does not exist or cannot have these options. */
export function readProfile(name: string, options: LoadOptions): Profile {
  const names = listProfiles().map((profile) => profile.name);
  if (!names.includes(name)) throw new UsageError(`unknown PROFILE "${name}": use one of ${names.join(', ')}`);
  const profile = readJson(`${name}.json`);
  if (!('runs' in profile)) return { title: profile.name, runs: [apply(profile, options)] };
  const total = profile.runs.reduce((sum, { share }) => sum + share, 0);
  const partOf = (whole: number, share: number) => Math.max(1, Math.round((whole * share) / total));
  const runs = profile.runs.map(({ config, share }) => {
    const own = {
      ...options,
      durationMs: options.durationMs ?? parseDuration(profile.duration),
      concurrency: partOf(options.concurrency ?? profile.concurrency, share),
      connections: partOf(options.connections ?? profile.connections, share),
      rps: options.rps === undefined ? undefined : partOf(options.rps, share),
    };
    return apply(readJson(config) as GhzConfig, own);
  });
  return { title: profile.name, runs };
}

function readJson(file: string): GhzConfig | MixedProfile {
  return JSON.parse(readFileSync(join(loadFolder, file), 'utf8'));
}

function apply(config: GhzConfig, { address, durationMs, concurrency, connections, rps }: LoadOptions): GhzConfig {
  const isRamp = config['concurrency-schedule'] !== undefined;
  const isWatch = config.total !== undefined;
  if (rps !== undefined && (isRamp || isWatch)) {
    throw new UsageError(`"${config.name}" has its own schedule: leave RPS out`);
  }
  const total = isWatch && durationMs !== undefined ? watchTotal(durationMs) : config.total;
  const wanted = concurrency ?? config.concurrency ?? config['concurrency-end'] ?? 1;
  // ghz never makes more calls at a time than it makes in all.
  const callers = Math.min(wanted, total ?? wanted);
  return {
    ...config,
    host: address,
    // ghz refuses more connections than callers.
    connections: Math.min(connections ?? config.connections, isRamp ? Math.ceil(callers / rampSteps) : callers),
    ...(isRamp ? ramp(config, callers, durationMs) : { concurrency: callers }),
    ...(durationMs !== undefined && !isRamp && !isWatch && { duration: `${durationMs}ms` }),
    ...(isWatch && { total }),
    ...(rps !== undefined && { rps, async: true }),
  };
}

/** ghz panics if it ends before its ramp does, so the last step is several times as long. */
function ramp(config: GhzConfig, callers: number, durationMs: number | undefined): Partial<GhzConfig> {
  const step = Math.ceil(callers / rampSteps);
  return {
    'concurrency-start': step,
    'concurrency-step': step,
    'concurrency-end': step * rampSteps,
    ...(durationMs !== undefined && {
      duration: `${durationMs}ms`,
      'concurrency-step-duration': `${Math.floor(durationMs / (rampSteps + 4))}ms`,
    }),
    name: config.name.replace('8, 16, … 64', `${step}, ${2 * step}, … ${rampSteps * step}`),
  };
}

function watchTotal(durationMs: number): number {
  return Math.max(1, Math.round((durationMs / 1_000) * watchedOrdersPerSecond)) * watchersPerOrder;
}

const durationUnits = { ms: 1, s: 1_000, m: 60_000 } as const;

/** Parses a duration such as `500ms`, `10s` or `5m` to milliseconds. Throws a UsageError if it is not valid. */
export function parseDuration(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,6})(ms|s|m)$/.exec(text) ?? [];
  const durationMs = Number(digits) * (durationUnits[unit as keyof typeof durationUnits] ?? 0);
  if (!(durationMs > 0)) throw new UsageError(`invalid DURATION "${text}": use for example 500ms, 30s or 5m`);
  return durationMs;
}
