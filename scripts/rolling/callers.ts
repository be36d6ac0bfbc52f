import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ghz, grpcGoRestart } from '../../mesh/testing/servers/go-tools.ts';
import { grpcPythonPath } from '../../mesh/testing/servers/grpc-python.ts';
import { spawnGuarded } from '../../mesh/testing/servers/guarded-process.ts';
import { type GhzConfig, readProfile } from '../load/profile.ts';
import type { Read } from './reads.ts';

/** Calls that were made, and how many of them failed. */
export interface Counts {
  readonly calls: number;
  readonly failed: number;
}

/** What a caller saw. */
export interface Seen {
  /** The calls that ended between two times, in milliseconds since the epoch. */
  between(fromMs: number, toMs: number): Counts;
  /** The texts of failed calls, some of them. */
  readonly errors: readonly string[];
}

/** How callers reach the mesh: see `readAccess`. Default: without TLS and without a token. */
export type AccessSettings = Readonly<Partial<Record<'TLS_CA' | 'ORDERMESH_TOKEN', string>>>;

/** A client that makes calls until it is ended. */
export interface Caller {
  readonly name: string;
  /** Begins no more calls, and resolves when all have ended: one that hangs has its deadline. */
  end(): Promise<Seen>;
}

const pauseMs = 200;
const maxErrors = 20;

/** Counts calls as they end. */
export function createTally() {
  const ends: { readonly ms: number; readonly isOk: boolean }[] = [];
  const errors: string[] = [];
  return {
    note(error?: unknown): void {
      ends.push({ ms: Date.now(), isOk: error === undefined });
      if (error !== undefined && errors.length < maxErrors) errors.push(String(error));
    },
    seen: (): Seen => ({ between: (fromMs, toMs) => countEnds(ends, fromMs, toMs), errors }),
  };
}

function countEnds(ends: readonly { readonly ms: number; readonly isOk: boolean }[], fromMs: number, toMs: number) {
  const within = ends.filter(({ ms }) => ms >= fromMs && ms < toMs);
  return { calls: within.length, failed: within.filter(({ isOk }) => !isOk).length };
}

/** Makes each of the calls 5 times a second. */
export function startReads(name: string, calls: readonly (() => Promise<unknown>)[]): Caller {
  const tally = createTally();
  let isOver = false;
  const working = calls.map(async (call) => {
    while (!isOver) {
      await sleep(pauseMs);
      await call().then(() => tally.note(), tally.note);
    }
  });
  return {
    name,
    async end() {
      isOver = true;
      await Promise.all(working);
      return tally.seen();
    },
  };
}

const restartFolder = new URL('../../test/conformance/restart/', import.meta.url);

/** A client of grpc-go, which repeats no call by itself. */
export const startGrpcGo = (address: string, reads: readonly Read[], access?: AccessSettings) =>
  startProgram('grpc-go', [grpcGoRestart.path], address, reads, access);

/** A client of grpcio, which repeats no call by itself. */
export const startGrpcio = (address: string, reads: readonly Read[], access?: AccessSettings) =>
  startProgram(
    'grpcio',
    [grpcPythonPath, fileURLToPath(new URL('restart_client.py', restartFolder))],
    address,
    reads,
    access,
  );

/**
 * Starts one of the programs in `test/conformance/restart`, and waits for its first calls. Throws if it ends before, and at its end
 * unless it exits with 0 after it has reported all of its failures.
 */
export async function startProgram(
  name: string,
  command: readonly string[],
  address: string,
  reads: readonly Read[],
  access: AccessSettings = {},
): Promise<Caller> {
  const [file = '', ...args] = command;
  const calls = reads.map(({ kind, path, request }) => `${kind}:${path}:${Buffer.from(request).toString('hex')}`);
  // It ends with its input, so also with this program. Ctrl-C is for this program.
  const child = spawn(file, [...args, address, ...calls], {
    env: { ...process.env, ...access },
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const samples: (Counts & { readonly ms: number })[] = [];
  let errors: readonly string[] | undefined;
  const output = createInterface({ input: child.stdout }).on('line', (line) => {
    const { calls, streams, failures } = JSON.parse(line);
    if (Array.isArray(failures)) errors = failures.slice(0, maxErrors);
    samples.push({
      ms: Date.now(),
      calls: calls + streams,
      failed: Array.isArray(failures) ? failures.length : failures,
    });
  });
  const closed = once(child, 'close').then(([code, signal]) => {
    if (code !== 0) throw new Error(`${name} ended with ${signal ?? `exit code ${code}`}`);
    if (errors === undefined) throw new Error(`${name} ended without its summary`);
    return errors;
  });
  // It is reported at the end.
  closed.catch(() => undefined);
  await Promise.race([once(output, 'line'), closed]);
  const at = (ms: number): Counts => samples.findLast((sample) => sample.ms < ms) ?? { calls: 0, failed: 0 };
  const between = (fromMs: number, toMs: number) => {
    const [from, to] = [at(fromMs), at(toMs)];
    return { calls: to.calls - from.calls, failed: to.failed - from.failed };
  };
  return {
    name,
    async end() {
      child.stdin.end();
      return { between, errors: await closed };
    },
  };
}

/** Waits until callers have started. If one cannot, the others are ended, and its error is thrown. */
export async function startAll(starting: readonly Promise<Caller>[]): Promise<readonly Caller[]> {
  const outcomes = await Promise.allSettled(starting);
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (started.length < starting.length) await Promise.allSettled(started.map((caller) => caller.end()));
  return await Promise.all(starting);
}

const workFolder = '.cache/rolling';
const ghzSeconds = 3_600;

/** Starts ghz with a profile of `load/`, at a fixed rate. */
export async function startGhz(
  profile: string,
  address: string,
  perSecond: number,
  access: AccessSettings = {},
): Promise<Caller> {
  await mkdir(workFolder, { recursive: true });
  const options = { address, durationMs: ghzSeconds * 1_000, concurrency: 16, connections: 4, rps: perSecond };
  const [config] = readProfile(profile, options).runs as [GhzConfig];
  const [configFile, output] = ['config', 'output'].map((kind) =>
    join(workFolder, `${process.pid}-${profile}.${kind}.json`),
  ) as [string, string];
  await writeFile(configFile, JSON.stringify({ ...config, ...ghzAccess(access) }), { mode: 0o600 });
  const log = join(workFolder, `${process.pid}-${profile}.log`);
  const command = [ghz.path, '--config', configFile, '--format', 'json', '--output', output];
  const running = spawnGuarded({ command, log });
  return {
    name: `ghz ${config.call.split('.').at(-1)}`,
    async end() {
      // It then waits for its calls, and writes its report.
      await running.end('INT');
      if (!existsSync(output)) throw new Error(`ghz failed: ${await readFile(log, 'utf8')}`);
      const report: GhzReport = JSON.parse(await readFile(output, 'utf8'));
      await Promise.all([configFile, output, log].map((file) => rm(file, { force: true })));
      const ends = report.details.map(({ timestamp, status }) => ({
        ms: Date.parse(timestamp),
        isOk: status === 'OK',
      }));
      return {
        between: (fromMs, toMs) => countEnds(ends, fromMs, toMs),
        errors: Object.entries(report.errorDistribution).map(([text, count]) => `${count} × ${text}`),
      };
    },
  };
}

/** How ghz reaches a server. */
function ghzAccess({ TLS_CA, ORDERMESH_TOKEN }: AccessSettings): object {
  const metadata = { authorization: `Bearer ${ORDERMESH_TOKEN}` };
  return {
    ...(TLS_CA && { insecure: false, cacert: TLS_CA }),
    ...(ORDERMESH_TOKEN && { metadata, 'reflect-metadata': metadata }),
  };
}

interface GhzReport {
  readonly errorDistribution: Readonly<Record<string, number>>;
  /** The timestamp is the end of the call. */
  readonly details: readonly { readonly timestamp: string; readonly status: string }[];
}
