import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serversLogVariable } from './servers.ts';

interface Note {
  readonly name: string;
  readonly version?: string;
  readonly title: string;
}

/** Vitest's global setup: says at the end of a run which real servers it used, and loudly what it could not cover. */
export default function setup(): () => void {
  const directory = mkdtempSync(join(tmpdir(), 'mesh-servers-'));
  const log = join(directory, 'log');
  writeFileSync(log, '');
  process.env[serversLogVariable] = log;
  return () => {
    const report = describeServers(readNotes(log));
    rmSync(directory, { recursive: true });
    if (report !== '') console.log(report);
  };
}

function readNotes(log: string): Note[] {
  const lines = readFileSync(log, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line));
}

/** The report of a run: a line for each server used, and one for each suite that was not run. */
export function describeServers(notes: readonly Note[]): string {
  const used = notes.filter((note) => note.version !== undefined).map((note) => `  ${note.name} ${note.version}`);
  const missing = notes
    .filter((note) => note.version === undefined)
    .map((note) => `  ${note.title}: ${note.name} is not installed`);
  return [
    ...(used.length > 0 ? ['Real servers used:', ...new Set(used)] : []),
    ...(missing.length > 0 ? ['NOT COVERED (run "make deps" to install the servers):', ...new Set(missing)] : []),
  ].join('\n');
}
