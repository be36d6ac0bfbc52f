import { mkdir, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';

/** Returns the folder at `path`, or a temporary one. Throws if it is not empty. */
export async function dataFolder(path: string | undefined): ReturnType<typeof tempFolder> {
  if (!path) return tempFolder();
  await mkdir(path, { recursive: true });
  if ((await readdir(path)).length > 0) throw new Error(`${path} is not empty: set BENCH_DATA_DIR to a new folder`);
  return { path: resolve(path), [Symbol.asyncDispose]: async () => undefined };
}
