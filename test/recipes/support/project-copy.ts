import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A copy of the project, with its installed packages, to change at will. It is removed when it goes out of scope. */
export interface ProjectCopy extends AsyncDisposable {
  readonly path: string;
  write(file: string, text: string): Promise<void>;
  edit(file: string, change: (text: string) => string): Promise<void>;
  /** Copies a folder of the project over the copy. */
  overlay(folder: string): Promise<void>;
  /** Runs a command in the copy. Returns what it printed, and rejects with it when the command fails. */
  run(command: string, ...args: readonly string[]): Promise<string>;
}

/** What is installed, or belongs to the original alone. */
const left = new Set(['node_modules', '.tools', '.git', '.cache', 'dist', 'data']);

/** Copies the project as it is on the disk. */
export async function copyProject(): Promise<ProjectCopy> {
  const folder = await tempFolder();
  const { path } = folder;
  await copy(
    (await readdir(root)).filter((name) => !left.has(name)).map((name) => join(root, name)),
    path,
  );
  await symlink(join(root, 'node_modules'), join(path, 'node_modules'));
  const at = (file: string) => join(path, file);
  const write = async (file: string, text: string) => {
    await mkdir(dirname(at(file)), { recursive: true });
    await writeFile(at(file), text);
  };
  return {
    path,
    write,
    edit: async (file, change) => await write(file, change(await readFile(at(file), 'utf8'))),
    overlay: (from) => copy([`${join(root, from)}/.`], path),
    run: (command, ...args) =>
      new Promise((resolve, reject) => {
        const { CI: _, ...env } = process.env;
        execFile(command, args, { cwd: path, env, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
          if (error === null) resolve(stdout);
          else reject(new Error(`${[command, ...args].join(' ')} failed:\n${stdout}${stderr}`));
        });
      }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Copies files and folders into a folder. Node's own `cp` takes twenty times as long for the thousands of files of the project. */
async function copy(from: readonly string[], to: string): Promise<void> {
  await promisify(execFile)('cp', ['-R', ...from, to]);
}
