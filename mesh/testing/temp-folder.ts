import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that is removed with its content when it goes out of scope. */
export interface TempFolder extends AsyncDisposable {
  readonly path: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Creates an empty folder. */
export async function tempFolder(): Promise<TempFolder> {
  const path = await mkdtemp(join(tmpdir(), 'ordermesh-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
