import { execFileSync } from 'node:child_process';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Copies what git tracks, or would track, as it is on the disk, with the installed packages: a clone after `npm ci`. */
export async function freshClone(): Promise<TempFolder> {
  const folder = await tempFolder();
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root });
  for (const path of listed.toString().split('\0').filter(Boolean)) {
    await mkdir(dirname(join(folder.path, path)), { recursive: true });
    await cp(join(root, path), join(folder.path, path));
  }
  await symlink(join(root, 'node_modules'), join(folder.path, 'node_modules'));
  return folder;
}
