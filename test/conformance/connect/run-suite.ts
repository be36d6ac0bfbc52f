import { fileURLToPath } from 'node:url';
import { connectConformance } from '../../../mesh/testing/servers/go-tools.ts';
import { mustRun } from '../support/run-tool.ts';

export type Role = 'server' | 'client';

/** The limit of a run. */
export const timeoutMs = 120_000;

/** The number of cases in the installed version, by the pattern of their names. */
export const caseCounts = [
  { connection: 'a plain connection', pattern: '**/TLS:false/**', server: 374, client: 409 },
  { connection: 'TLS', pattern: '**/TLS:true/**', server: 194, client: 235 },
  { connection: 'TLS with client certificates', pattern: 'TLS Client Certs/**', server: 2, client: 2 },
] as const;

export interface SuiteRun {
  readonly mode: Role;
  /** What the program supports: `features` or `edge-features`. */
  readonly features: string;
  /** The cases to run. */
  readonly pattern: string;
  /** The program under test, with its arguments. */
  readonly tested: readonly string[];
  /** Cases that have to fail. */
  readonly knownFailing?: string | undefined;
}

/** How many cases had which outcome. `failed`: those that are not known to. */
export interface SuiteResult {
  readonly passed: number;
  readonly failed: number;
  readonly knownFailed: number;
}

/** The path of a program in this folder. */
export const program = (name: string) => fileURLToPath(new URL(`${name}.ts`, import.meta.url));

/** Runs the cases that match a pattern against a program. Throws with the failures if there are any that are not known. */
export async function runSuite({ mode, features, pattern, tested, knownFailing }: SuiteRun): Promise<SuiteResult> {
  const conf = fileURLToPath(new URL(`${features}.yaml`, import.meta.url));
  // Its limits of time for servers do not depend on the machine: 10 s for a start, and 0.5 s for a call to reach its handler.
  const load = mode === 'server' ? ['--max-servers=1', '--parallel=4'] : [];
  const known = knownFailing === undefined ? [] : [`--known-failing=${knownFailing}`];
  const command = [connectConformance.path, `--mode=${mode}`, `--conf=${conf}`, `--run=${pattern}`, ...load, ...known];
  const output = await mustRun([...command, '--', process.execPath, ...tested], timeoutMs);
  const [, passed, failed] = /(\d+) passed, (\d+) failed/.exec(output) ?? [];
  const [, knownFailed = 0] = /Another (\d+) failed as expected/.exec(output) ?? [];
  return { passed: Number(passed), failed: Number(failed), knownFailed: Number(knownFailed) };
}
