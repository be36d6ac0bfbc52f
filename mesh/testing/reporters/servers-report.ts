import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serversLogVariable } from '../servers/servers.ts';

interface Note {
  readonly name: string;
  readonly version?: string;
  readonly title: string;
  /** The version that the suite needs, if an earlier one is installed. */
  readonly minVersion?: string;
}

/** Vitest's global setup: reports at the end of a run which real servers were used and which suites were not covered. */
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

/** Formats the report: one line per server used, and one per suite that was not covered, with the reason. */
export function describeServers(notes: readonly Note[]): string {
  const used = notes.filter((note) => note.version !== undefined).map((note) => `  ${note.name} ${note.version}`);
  const missing = notes
    .filter((note) => note.version === undefined)
    .map((note) => `  ${note.title}: ${note.name} is not installed`);
  const early = notes
    .filter((note) => note.minVersion !== undefined)
    .map(({ title, name, version, minVersion }) => `  ${title}: needs ${name} ${minVersion}, ${version} is installed`);
  return [
    ...(used.length > 0 ? ['Real servers used:', ...new Set(used)] : []),
    ...(missing.length > 0 ? ['NOT COVERED (run "make deps" to install the servers):', ...new Set(missing)] : []),
    ...(early.length > 0 ? ['NOT COVERED by the installed versions:', ...new Set(early)] : []),
  ].join('\n');
}
