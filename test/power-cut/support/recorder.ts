import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestServer } from '../../../mesh/testing/servers/servers.ts';

const sources = fileURLToPath(new URL('../recorder', import.meta.url));
const builds = fileURLToPath(new URL('../../../.cache/power-cut', import.meta.url));

/** The compiler that the recorder is built with, for `describeWithServer`. */
export const compiler: TestServer = { name: 'C compiler (cc) on Linux', version: compilerVersion() };

/** How a process is recorded. */
export interface Recording {
  /** The file that the records are appended to, outside of `root`. */
  readonly journal: string;
  /** The folder whose changes are recorded. It exists, and its path has no links. */
  readonly root: string;
  /** How long the disk takes for a sync, in microseconds. Default: 0. */
  readonly syncUs?: number;
  /**
   * Planted bug: syncs of files and folders whose absolute paths match one of these patterns do nothing, from when
   * `loseSyncs` is called on.
   */
  readonly lostSyncs?: readonly string[];
}

/** Returns the environment in which a process is recorded. Builds the recorder if its sources have changed. */
export function recorded({ journal, root, syncUs = 0, lostSyncs = [] }: Recording): Record<string, string> {
  return {
    LD_PRELOAD: buildRecorder(),
    POWER_CUT_JOURNAL: journal,
    POWER_CUT_ROOT: root,
    POWER_CUT_SYNC_US: String(syncUs),
    POWER_CUT_LOSE_SYNCS: lostSyncs.join(':'),
    POWER_CUT_LOSE_FROM: loseFrom(journal),
  };
}

/** Lets the planted bug of a recording begin. */
export function loseSyncs(journal: string): void {
  writeFileSync(loseFrom(journal), '');
}

const loseFrom = (journal: string) => `${journal}.lose`;

function buildRecorder(): string {
  const files = readdirSync(sources).toSorted();
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(join(sources, file)));
  const library = join(builds, `recorder-${hash.digest('hex').slice(0, 16)}.so`);
  if (existsSync(library)) return library;
  mkdirSync(builds, { recursive: true });
  const unfinished = `${library}.${process.pid}`;
  const parts = files.filter((file) => file.endsWith('.c')).map((file) => join(sources, file));
  execFileSync('cc', ['-O2', '-shared', '-fPIC', '-Wall', '-Wextra', '-o', unfinished, ...parts, '-ldl', '-lpthread'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  // Two test files may build at the same time.
  renameSync(unfinished, library);
  return library;
}

function compilerVersion(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return execFileSync('cc', ['-dumpversion'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}
