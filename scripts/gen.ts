import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../mesh/errors/error-text.ts';
import { languages } from './clients/clients.ts';
import { deriveFromDescriptors, descriptorsIn } from './gen/derive.ts';
import { swapEntries, UnrestoredError } from './gen/swap-entries.ts';
import { collectThirdPartyProtos } from './protos/third-party-protos.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Regenerates `gen/` from the contracts, without the clients. If that fails, `gen/` is unchanged. */
async function regenerate(): Promise<void> {
  await mkdir(join(root, '.cache'), { recursive: true });
  // On the same file system as gen/, so the new folder can be renamed into place.
  const fresh = await mkdtemp(join(root, '.cache/gen-'));
  try {
    await generate(fresh);
    for (const path of [join(root, 'gen'), join(fresh, 'previous')]) await mkdir(path, { recursive: true });
    const swap = { names: await listCommitted(), fresh: join(fresh, 'gen'), previous: join(fresh, 'previous') };
    await swapEntries(join(root, 'gen'), swap);
  } finally {
    await rm(fresh, { recursive: true });
  }
}

/** Generates everything into `gen/` of `targetDir`, which must not exist yet. */
async function generate(targetDir: string): Promise<void> {
  await collectThirdPartyProtos(join(root, '.cache/proto'));
  buf('generate', '--output', targetDir);
  buf('build', '--as-file-descriptor-set', '--output', descriptorsIn(join(targetDir, 'gen')));
  await deriveFromDescriptors(join(targetDir, 'gen'), await packageVersion());
}

async function packageVersion(): Promise<string> {
  const { version }: { version: string } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  return version;
}

/** Returns the files of `gen/` that are out of date: changed, missing or no longer generated. */
async function findDrift(): Promise<string[]> {
  const fresh = await mkdtemp(join(tmpdir(), 'ordermesh-gen-'));
  try {
    await generate(fresh);
    const committed = (await listFiles(join(root, 'gen'))).filter((path) => !isClient(path));
    const paths = new Set([...committed, ...(await listFiles(join(fresh, 'gen')))]);
    const differs = await Promise.all(
      [...paths].map(async (path) => !(await haveSameBytes(join(root, 'gen', path), join(fresh, 'gen', path)))),
    );
    return [...paths].filter((_, index) => differs[index]).sort();
  } finally {
    await rm(fresh, { recursive: true });
  }
}

function buf(...args: string[]): void {
  // Plugins run on `node`: use the pinned version, not the machine's.
  const path = [join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter);
  execFileSync('buf', args, { cwd: root, stdio: 'inherit', env: { ...process.env, PATH: path } });
}

/** Returns what `gen/` has besides the clients that `make clients` writes there. */
async function listCommitted(): Promise<string[]> {
  return (await readdir(join(root, 'gen'))).filter((name) => !isClient(name));
}

function isClient(path: string): boolean {
  return Object.keys(languages).includes(path.split(sep)[0] ?? '');
}

async function listFiles(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1));
}

async function haveSameBytes(left: string, right: string): Promise<boolean> {
  const [a, b] = await Promise.all([readIfExists(left), readIfExists(right)]);
  return a !== undefined && b !== undefined && a.equals(b);
}

async function readIfExists(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function main(): Promise<void> {
  if (!process.argv.includes('--check')) return regenerate();
  const drift = await findDrift();
  if (drift.length === 0) return;
  console.error(
    `gen/ is out of date: run \`make gen\` and commit the result:\n${drift.map((path) => `  gen/${path}`).join('\n')}`,
  );
  process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  // Buf has already printed the problem; a stack trace would hide it.
  const state =
    error instanceof UnrestoredError ? 'gen/ is incomplete, "git checkout gen" restores it' : 'gen/ is unchanged';
  console.error(`${state}: ${messageOf(error)}`);
  process.exitCode = 1;
}
