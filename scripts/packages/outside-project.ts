import { execFile } from 'node:child_process';
import { cp, glob, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A project outside of the repository. It is removed when it goes out of scope. */
export interface OutsideProject extends AsyncDisposable {
  readonly path: string;
  write(file: string, text: string): Promise<void>;
  /** Copies a file or folder of the repository to a place in the project. */
  copy(from: string, to: string): Promise<void>;
  /** Runs a program of the project. Returns what it printed, and rejects with it when it fails. */
  run(command: string, ...args: readonly string[]): Promise<string>;
  /** The size of the files in a folder, by default `node_modules`, in megabytes. */
  megabytesOf(folder?: string): Promise<number>;
  /** The number of installed packages, as npm records them. */
  countPackages(): Promise<number>;
}

/** Makes a project with this package.json, and installs what it names: from npm's cache what is there. */
export async function createProject(manifest: object): Promise<OutsideProject> {
  const path = await mkdtemp(join(tmpdir(), 'ordermesh-outside-'));
  const write = async (file: string, text: string) => {
    await mkdir(dirname(join(path, file)), { recursive: true });
    await writeFile(join(path, file), text);
  };
  const environment = {
    ...process.env,
    // The cache of Vitest would hide what a first start costs.
    NODE_COMPILE_CACHE: undefined,
    PATH: `${join(path, 'node_modules/.bin')}:${dirname(process.execPath)}:${process.env.PATH}`,
  };
  const run = (command: string, ...args: readonly string[]) =>
    new Promise<string>((resolve, reject) => {
      execFile(command, args, { cwd: path, env: environment, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${[command, ...args].join(' ')} failed:\n${stdout}${stderr}`));
      });
    });
  const remove = () => rm(path, { recursive: true, force: true });
  try {
    const project = { name: 'outside', version: '1.2.3', private: true, type: 'module', ...manifest };
    await write('package.json', JSON.stringify(project));
    await run('npm', 'install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error');
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    path,
    write,
    copy: async (from, to) => await cp(join(root, from), join(path, to), { recursive: true }),
    run,
    countPackages: async () => {
      const record: { packages: object } = JSON.parse(
        await readFile(join(path, 'node_modules/.package-lock.json'), 'utf8'),
      );
      return Object.keys(record.packages).length;
    },
    megabytesOf: async (folder = 'node_modules') => {
      const entries = await Array.fromAsync(glob(`${folder}/**`, { cwd: path, withFileTypes: true }));
      const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
      const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
      return sizes.reduce((sum, size) => sum + size, 0) / 1e6;
    },
    [Symbol.asyncDispose]: remove,
  };
}

/** Strict settings of a project that runs its TypeScript on Node. They check the declarations of packages too. */
export async function strictConfig(): Promise<string> {
  const { compilerOptions } = JSON.parse(await readFile(join(root, 'tsconfig.json'), 'utf8'));
  return JSON.stringify({ compilerOptions: { ...compilerOptions, skipLibCheck: false }, exclude: ['node_modules'] });
}
