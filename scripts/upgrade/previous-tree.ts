import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The program of an earlier commit, in a folder of its own. */
export interface PreviousTree {
  readonly commit: string;
  /** Its `services/main.ts`. */
  readonly main: string;
}

/**
 * Returns the commit to upgrade from: `PREVIOUS`, else the last tag. Undefined if there is neither. Throws if the repository
 * has no such commit.
 */
export async function previousCommit(root: string, wanted: string | undefined): Promise<string | undefined> {
  const git = (...args: string[]) => run('git', args, { cwd: root }).then(({ stdout }) => stdout.trim());
  if (wanted) {
    return await git('rev-parse', '--verify', '--short', `${wanted}^{commit}`).catch(() => {
      throw new Error(`commit ${wanted} not found: set PREVIOUS to one of this repository, or fetch its history`);
    });
  }
  return await git('describe', '--tags', '--abbrev=0').catch(() => undefined);
}

/**
 * Checks out a commit into `folder`, which is replaced. It shares the packages of `root` if both have the same lockfile; otherwise
 * npm installs its own, without those for tests.
 */
export async function checkOut(root: string, commit: string, folder: string): Promise<PreviousTree> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await run('sh', ['-c', 'git archive "$1" | tar -x -C "$2"', 'sh', commit, folder], { cwd: root });
  const [ours, theirs] = await Promise.all([root, folder].map((tree) => productionPackages(tree)));
  if (ours === theirs) await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  else await run('npm', ['ci', '--omit=dev', '--no-audit', '--no-fund'], { cwd: folder, maxBuffer: 2 ** 24 });
  return { commit, main: join(folder, 'services/main.ts') };
}

/** What a lockfile installs in production, as text. */
async function productionPackages(tree: string): Promise<string> {
  const { packages } = JSON.parse(await readFile(join(tree, 'package-lock.json'), 'utf8'));
  const entries = Object.entries(packages as Readonly<Record<string, { dev?: boolean; integrity?: string }>>);
  const installed = entries.filter(([path, { dev }]) => path.startsWith('node_modules/') && dev !== true);
  return JSON.stringify(installed.map(([path, { integrity }]) => [path, integrity]).toSorted());
}
