// Counts the work of a process that loads it first (`node --import`). On SIGUSR2 it writes the counts since the last time to the
// file COUNTS_FILE.
import { renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { promiseHooks } from 'node:v8';
import type { ProcessCounts } from './counts.ts';

const file = process.env.COUNTS_FILE ?? '';
let statements = 0;
let commits = 0;
let promises = 0;

promiseHooks.onInit(() => {
  promises += 1;
});

function note(sql: string): void {
  statements += 1;
  if (/^COMMIT\b/i.test(sql)) commits += 1;
}

const { exec } = DatabaseSync.prototype;
DatabaseSync.prototype.exec = function (sql) {
  note(sql);
  exec.call(this, sql);
};
for (const name of ['all', 'get', 'run'] as const) {
  const original = StatementSync.prototype[name] as (...args: unknown[]) => never;
  StatementSync.prototype[name] = function (this: StatementSync, ...args: unknown[]) {
    note(this.sourceSQL);
    return original.apply(this, args);
  };
}

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });

process.on('SIGUSR2', () => void report());

async function report(): Promise<void> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const callsOf = (script: string, name: string): number => {
    const functions = result.filter(({ url }) => url.endsWith(script)).flatMap((found) => found.functions);
    const named = functions.filter(({ functionName }) => functionName === name);
    return named.reduce((sum, { ranges }) => sum + (ranges[0]?.count ?? 0), 0);
  };
  const counts: ProcessCounts = {
    transactions: callsOf('/mesh/storage/transaction-state.ts', 'createTransactionState'),
    statements,
    commits,
    // The end of each message that is encoded, with those in it.
    messages: callsOf('/wire/binary-encoding.js', 'finish'),
    promises,
  };
  [statements, commits, promises] = [0, 0, 0];
  // Whoever waits for the file finds it complete.
  writeFileSync(`${file}.part`, JSON.stringify(counts));
  renameSync(`${file}.part`, file);
}
