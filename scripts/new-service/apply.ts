import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '../../mesh/errors/error-text.ts';
import type { Change } from './plan.ts';

/** A command to run in the project once the files are written. */
export interface Step {
  /** `make gen`: how the step is repeated by hand. */
  readonly name: string;
  readonly command: readonly string[];
}

/** The steps that make the rest of what a service needs from its files. */
export interface Steps {
  /** Sorts imports and breaks lines, which depend on the names. */
  readonly format: Step;
  /** Generates `gen/`. If that fails, a part of it may be gone. */
  readonly generate: Step;
  /** Fills the tables in `docs/`. */
  readonly document: Step;
}

/** Runs a command in the project. Rejects if it fails or the signal aborts. */
export type Run = (step: Step, signal?: AbortSignal) => Promise<void>;

/**
 * Writes the changes and runs the steps. If one fails, or `signal` aborts, everything is put back as it was before the error
 * is thrown; if that fails too, the error says what to do by hand.
 */
export async function applyChanges(
  root: string,
  changes: readonly Change[],
  { format, generate, document }: Steps,
  { run, signal }: { readonly run: Run; readonly signal: AbortSignal },
): Promise<void> {
  const pages = await readPages(root);
  const written: Change[] = [];
  let generating = false;
  try {
    for (const change of changes) {
      signal.throwIfAborted();
      const path = join(root, change.path);
      if (change.before === undefined && existsSync(path)) throw new Error(`${change.path} exists since a moment ago`);
      written.push(change);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, change.after);
    }
    await run(format, signal);
    generating = true;
    await run(generate, signal);
    await run(document, signal);
  } catch (error) {
    // The generator may have replaced all of `gen/`, or a part.
    const steps = generating ? [generate] : [];
    await putBack(root, [...written, ...pages], steps, run).catch((failure: unknown) => {
      throw new Error(`${messageOf(error)}\n${howToPutBack(written, generate, document)} (${messageOf(failure)})`);
    });
    throw new Error(`${messageOf(error)}\nnothing has changed: all files are as they were`);
  }
}

/** The pages of `docs/` as they are. */
async function readPages(root: string): Promise<Change[]> {
  const names = (await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md'));
  return await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(root, 'docs', name), 'utf8');
      return { path: `docs/${name}`, before: text, after: text };
    }),
  );
}

async function putBack(root: string, changes: readonly Change[], steps: readonly Step[], run: Run): Promise<void> {
  for (const { path, before } of changes) {
    if (before === undefined) await removeFile(root, path);
    else await writeFile(join(root, path), before);
  }
  for (const step of steps) await run(step);
}

/** Removes a file, and the folders that are empty without it. */
async function removeFile(root: string, path: string): Promise<void> {
  await rm(join(root, path), { force: true });
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
    try {
      await rmdir(join(root, folder));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      // It was not made yet.
      if (code === 'ENOENT') continue;
      if (code === 'ENOTEMPTY') return;
      throw error;
    }
  }
}

function howToPutBack(changes: readonly Change[], generate: Step, document: Step): string {
  const added = changes.filter(({ before }) => before === undefined).map(({ path }) => path);
  const edited = changes.filter(({ before }) => before !== undefined).map(({ path }) => path);
  return (
    `it could not be undone: remove ${added.join(' ')}, take the new entries out of ${edited.join(' ')}, then run ` +
    `"${generate.name}" and "${document.name}"`
  );
}
