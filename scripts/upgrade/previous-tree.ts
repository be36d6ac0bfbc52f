import { execFile } from 'node:child_process';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkOutTree } from '../support/previous-commit.ts';

const run = promisify(execFile);

/** The program of an earlier commit, in a folder of its own. */
export interface PreviousTree {
  readonly commit: string;
  /** Its `services/main.ts`. */
  readonly main: string;
}

/**
 * Checks out a commit into `folder`, which is replaced. It shares the packages of `root` if both have the same lockfile; otherwise
 * npm installs its own, without those for tests.
 */
export async function checkOut(root: string, commit: string, folder: string): Promise<PreviousTree> {
  await checkOutTree(root, commit, folder);
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
