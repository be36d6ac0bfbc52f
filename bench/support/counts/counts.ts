import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { StartedProcess } from '../../../mesh/testing/servers/start-process.ts';
import { kinds, readJournal } from '../../../test/power-cut/support/journal.ts';
import { compiler, recorded } from '../../../test/power-cut/support/recorder.ts';

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

/** What a process has told the kernel about the files of its data folder. */
export interface FileCounts {
  /** Of files and folders. */
  readonly syncs: number;
  readonly writes: number;
  readonly bytesWritten: number;
}

const preload = fileURLToPath(new URL('./preload.ts', import.meta.url));
const answerLimitMs = 30_000;
// About what it takes here, so that as many transactions share a sync as without the recorder, which makes none.
const syncUs = 300;

/**
 * The settings with which a process counts its work, in files of `folder`. Counting makes it several times slower. What it does to
 * the files of `dataDir` is counted where the recorder of the power-cut test can be built.
 */
export function countingEnvironment(folder: string, dataDir: string): Readonly<Record<string, string>> {
  const recording = canRecord() ? recorded({ journal: journalFile(folder), root: dataDir, syncUs }) : {};
  return { ...recording, NODE_OPTIONS: `--import=${preload}`, COUNTS_FILE: countsFile(folder) };
}

/** Whether there is a C compiler. */
export function canRecord(): boolean {
  return compiler.version !== undefined;
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

/** Returns a position in what is recorded of the files, for `countFiles`. */
export function recordedBytes(folder: string): number {
  return statSync(journalFile(folder)).size;
}

/** Counts what a process that has ended did to its files between two positions. */
export function countFiles(folder: string, from: number, to: number): FileCounts {
  const records = readJournal(journalFile(folder)).filter(({ end }) => end > from && end <= to);
  const writes = records.filter(({ kind }) => kind === kinds.write);
  return {
    syncs: records.filter(({ kind }) => kind === kinds.syncEnd).length,
    writes: writes.length,
    bytesWritten: writes.reduce((sum, { data }) => sum + data.length, 0),
  };
}

function countsFile(folder: string): string {
  return join(folder, 'counts.json');
}

function journalFile(folder: string): string {
  return join(folder, 'journal');
}
