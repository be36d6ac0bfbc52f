import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { StartedProcess } from '../../../mesh/testing/servers/start-process.ts';

/** What a process has done since it was asked before. */
export interface ProcessCounts {
  /** Of the services, on SQLite or PostgreSQL. */
  readonly transactions: number;
  /** Of SQLite, with those that begin and end transactions. */
  readonly statements: number;
  /** Of SQLite: one for all transactions of a batch. */
  readonly commits: number;
  /** Encoded as protobuf, each with those in it. */
  readonly messages: number;
  readonly promises: number;
}

const preload = fileURLToPath(new URL('./preload.ts', import.meta.url));
const answerLimitMs = 30_000;

/** The settings with which a process counts its work, into a file of `folder`. Counting makes it several times slower. */
export function countingEnvironment(folder: string): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--import=${preload}`, COUNTS_FILE: countsFile(folder) };
}

/** Returns what a process with `countingEnvironment(folder)` has done since the last time. */
export async function takeCounts(counted: StartedProcess, folder: string): Promise<ProcessCounts> {
  const file = countsFile(folder);
  rmSync(file, { force: true });
  counted.child.kill('SIGUSR2');
  for (const endMs = performance.now() + answerLimitMs; !existsSync(file); await delay(20)) {
    if (performance.now() > endMs) throw new Error(`no counts after 30 s: ${counted.stderr()}`);
  }
  const counts = JSON.parse(readFileSync(file, 'utf8')) as ProcessCounts;
  const missing = Object.entries(counts).filter(([, count]) => count === 0);
  if (missing.length > 0) throw new Error(`nothing counted as ${missing.map(([name]) => name).join(', ')}`);
  return counts;
}

function countsFile(folder: string): string {
  return join(folder, 'counts.json');
}
