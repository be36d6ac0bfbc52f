import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataDirFull, isDiskFull, unreadableManifest } from '../errors.ts';

/** The manifest's entry for a database. */
export interface ManifestEntry {
  readonly id: string;
  /** Number of the last start that opened it. */
  readonly start: number;
}

/**
 * Where a database came from that was opened in a folder without a manifest: it was `created`, or `found` with an identity, or
 * `found-unidentified`, from before manifests.
 */
export type Origin = 'created' | 'found' | 'found-unidentified';

/**
 * Lists which databases belong together, in `manifest.json` of the data folder. A change is atomic, and on the disk when it
 * returns.
 */
export interface Manifest {
  /** The data folder. */
  readonly folder: string;
  readonly path: string;
  /**
   * Origins of the databases by name, if the folder had no manifest and no start has succeeded since. It is stored, so an
   * interrupted start does not make the next one take the manifest for complete.
   */
  readonly adoption: Readonly<Record<string, Origin>> | undefined;
  /** Whether no start has accepted calls since the folder had no manifest, so what was created then has nothing. */
  readonly hasServedNothing: boolean;
  /** Whether the last start asked callers for tokens. */
  readonly hadTokens: boolean;
  /** Number of this start. No database that only this process uses has a higher one. */
  readonly start: number;
  /** Each once, also those of both kinds. */
  names(): readonly string[];
  /** `key`: `<scheme>:<name>`. */
  entryOf(key: string): ManifestEntry | undefined;
  /** Returns the scheme of the URL at which the database of this name was opened last; `undefined` if it never was. */
  lastSchemeOf(name: string): string | undefined;
  /** Records a higher number, before a database gets it. */
  raiseStart(start: number): void;
  record(key: string, entry: ManifestEntry): void;
  /** Records the origin of a database, before the database gets an identity. The first origin of a name stays. */
  recordOrigin(name: string, origin: Origin): void;
  /** Records whether this start asks callers for tokens. */
  recordTokens(hasTokens: boolean): void;
  /** Records that this start accepts calls, before it does. */
  recordServing(): void;
  /** Records that all databases of a start are listed. */
  endAdoption(): void;
}

interface Content {
  readonly start: number;
  readonly tokens?: boolean;
  readonly adoption?: Readonly<Record<string, Origin>>;
  /** Only with `adoption`. */
  readonly served?: boolean;
  readonly databases: Readonly<Record<string, ManifestEntry>>;
}

/** Whether a folder has a manifest, so a mesh has run in it. */
export function hasManifest(folder: string): boolean {
  return existsSync(pathIn(folder));
}

/** Reads the manifest of a data folder and counts this start. Throws FAILED_PRECONDITION `DATA_MISMATCH` if it is damaged. */
export function openManifest(folder: string): Manifest {
  const path = pathIn(folder);
  const found = read(path);
  // Earlier versions wrote a manifest without databases at an interrupted start.
  const isNew = found === undefined || Object.keys(found.databases).length === 0;
  let content: Content = {
    ...(isNew && { adoption: {} }),
    databases: {},
    ...found,
    start: (found?.start ?? 0) + 1,
  };
  const change = (next: Content): void => {
    write(folder, path, next);
    content = next;
  };
  change(content);
  return {
    folder,
    path,
    get adoption() {
      return content.adoption;
    },
    get hasServedNothing() {
      return content.adoption !== undefined && content.served !== true;
    },
    get hadTokens() {
      return content.tokens === true;
    },
    get start() {
      return content.start;
    },
    names: () => [...new Set(Object.keys(content.databases).map(nameIn))],
    entryOf: (key) => content.databases[key],
    lastSchemeOf(name) {
      const known = Object.entries(content.databases).filter(([key]) => nameIn(key) === name);
      const [last] = known.toSorted(([, first], [, second]) => second.start - first.start);
      return last?.[0].slice(0, last[0].indexOf(':'));
    },
    raiseStart(start) {
      if (start > content.start) change({ ...content, start });
    },
    record: (key, entry) => change({ ...content, databases: { ...content.databases, [key]: entry } }),
    recordOrigin(name, origin) {
      const { adoption } = content;
      if (adoption?.[name] === undefined) change({ ...content, adoption: { ...adoption, [name]: origin } });
    },
    recordTokens(tokens) {
      if (tokens !== (content.tokens === true)) change({ ...content, tokens });
    },
    recordServing() {
      if (content.adoption !== undefined && content.served !== true) change({ ...content, served: true });
    },
    endAdoption() {
      const { adoption, served, ...rest } = content;
      if (adoption !== undefined) change(rest);
    },
  };
}

function nameIn(key: string): string {
  return key.slice(key.indexOf(':') + 1);
}

function pathIn(folder: string): string {
  return join(folder, 'manifest.json');
}

function read(path: string): Content | undefined {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (isContent(content)) return content;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw unreadableManifest({ location: path });
}

function isContent(value: unknown): value is Content {
  if (!isObject(value) || !isCount(value.start) || !isObject(value.databases)) return false;
  if (value.adoption !== undefined && !isObject(value.adoption)) return false;
  if (!isFlag(value.tokens) || !isFlag(value.served)) return false;
  return Object.values(value.databases).every(
    (entry) => isObject(entry) && typeof entry.id === 'string' && isCount(entry.start),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isFlag(value: unknown): boolean {
  return value === undefined || typeof value === 'boolean';
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

/**
 * A crash leaves the old file or the new one: the new one is completely on the disk before it gets the name. Throws UNAVAILABLE
 * `STORAGE_FULL` if the disk is full.
 */
function write(folder: string, path: string, content: Content): void {
  const unfinished = `${path}.part`;
  try {
    writeFileSync(unfinished, `${JSON.stringify(content, undefined, 2)}\n`, { flush: true, mode: 0o600 });
  } catch (error) {
    throw isDiskFull(error)
      ? dataDirFull({ path: folder, file: unfinished, errno: error.code }, { cause: error })
      : error;
  }
  renameSync(unfinished, path);
  const directory = openSync(folder, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
