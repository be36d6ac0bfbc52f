import { mkdir, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';

/** The folder at `path`, which stays; a temporary one where none is named. Rejects when something is in it. */
export async function dataFolder(path: string | undefined): ReturnType<typeof tempFolder> {
  if (!path) return tempFolder();
  await mkdir(path, { recursive: true });
  if ((await readdir(path)).length > 0) throw new Error(`${path} is not empty: name a new folder in BENCH_DATA_DIR`);
  return { path: resolve(path), [Symbol.asyncDispose]: async () => undefined };
}
