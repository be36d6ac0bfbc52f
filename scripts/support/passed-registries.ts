import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** The last time that all scenarios passed on a registry. */
export interface PassedRegistry {
  /** As `make verify-registries` calls it. */
  readonly name: string;
  /** With their versions. */
  readonly servers: readonly string[];
  /** With a + if the work tree differed from it. */
  readonly commit: string;
  readonly date: string;
}

/** Where `make verify-registries` records what passed. */
export const passedFile = fileURLToPath(new URL('../registries/passed.json', import.meta.url));

const maxAgeDays = 30;

export async function passedRegistries(): Promise<readonly PassedRegistry[]> {
  return JSON.parse(await readFile(passedFile, 'utf8'));
}

export const passedColumns = ['servers', 'passed at commit', 'on'];

/** Whether tests ran and all passed, by Vitest's report in JSON. A run in which all are skipped succeeds as well. */
export function hasPassed(report: string): boolean {
  const { success, numTotalTests, numPassedTests } = JSON.parse(report);
  return success === true && numTotalTests > 0 && numPassedTests === numTotalTests;
}

/** The rows for docs/status.md. */
export function passedRows(passed: readonly PassedRegistry[]): readonly (readonly string[])[] {
  return passed.map(({ servers, commit, date }) => [servers.join(', '), commit, date]);
}

/** Those that passed longer ago than 30 days. */
export function outdated(passed: readonly PassedRegistry[], nowMs: number): readonly PassedRegistry[] {
  return passed.filter(({ date }) => nowMs - Date.parse(date) > maxAgeDays * 24 * 3_600_000);
}
