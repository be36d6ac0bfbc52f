/** A change of a module's text as a process loads it. */
export interface Patch {
  /** The end of the module's path. */
  readonly file: string;
  /** A text that it has once. */
  readonly from: string;
  readonly to: string;
}

/** The environment variable of `patched-main.ts`: its patches as JSON. */
export const patchesVariable = 'POWER_CUT_PATCHES';

const writeAheadLog = 'mesh/storage/sqlite/write-ahead-log.ts';

/** A write-ahead log starts again after a few commits, not after hundreds. */
export const smallCheckpoints: Patch = {
  file: writeAheadLog,
  from: 'const pagesPerCheckpoint = 2_000;',
  to: 'const pagesPerCheckpoint = 30;',
};

/** Planted bug: a write-ahead log starts again although the file that it was copied to is not synced. */
export const unsyncedCheckpoints: Patch = { file: writeAheadLog, from: `await flushPart('');`, to: '' };

/** Returns the options of a run with these patches. */
export function patched(...patches: readonly Patch[]) {
  return {
    main: 'test/power-cut/support/patched-main.ts',
    environment: { [patchesVariable]: JSON.stringify(patches) },
  };
}
