import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../mesh/errors/error-text.ts';
import { compareVersions } from './semver.ts';

/** A known vulnerability, in the format of OSV (Open Source Vulnerability). Only what is read here. */
export interface Advisory {
  readonly id: string;
  /** Its ids elsewhere: `CVE-…`. */
  readonly aliases?: readonly string[];
  readonly summary?: string;
  /** When its publisher took it back. */
  readonly withdrawn?: string;
  readonly affected?: readonly AffectedPackage[];
}

interface AffectedPackage {
  readonly package?: { readonly ecosystem: string; readonly name: string };
  /** Versions that are affected besides those of the ranges. */
  readonly versions?: readonly string[];
  readonly ranges?: readonly VersionRange[];
}

interface VersionRange {
  readonly type: string;
  readonly events: readonly RangeEvent[];
}

/** One of these. `introduced: "0"` is before all versions. */
interface RangeEvent {
  readonly introduced?: string;
  readonly fixed?: string;
  readonly last_affected?: string;
}

/** A package's version that an advisory names. */
export interface Finding {
  readonly advisory: Advisory;
  /** The versions that ended the vulnerability, of any of its ranges. */
  readonly fixed: readonly string[];
}

/** Returns how an advisory affects a version of a package of npm, if it does. Those that were withdrawn do not. */
export function findAffected(advisory: Advisory, name: string, version: string): Finding | undefined {
  if (advisory.withdrawn !== undefined) return undefined;
  const entries = (advisory.affected ?? []).filter(
    (entry) => entry.package?.ecosystem === 'npm' && entry.package.name === name,
  );
  const isAffected = entries.some(
    ({ versions, ranges = [] }) =>
      versions?.includes(version) || ranges.some((range) => range.type === 'SEMVER' && isWithin(range.events, version)),
  );
  if (!isAffected) return undefined;
  const events = entries.flatMap(({ ranges = [] }) => ranges.flatMap((range) => range.events));
  return { advisory, fixed: [...new Set(events.flatMap(({ fixed }) => fixed ?? []))] };
}

/** Whether the last event that is not after the version begins a vulnerable range. */
function isWithin(events: readonly RangeEvent[], version: string): boolean {
  const sorted = events.toSorted((a, b) => compareVersions(versionOf(a), versionOf(b)));
  let isVulnerable = false;
  for (const event of sorted) {
    const position = compareVersions(version, versionOf(event));
    if (event.introduced !== undefined && position >= 0) isVulnerable = true;
    if (event.fixed !== undefined && position >= 0) isVulnerable = false;
    if (event.last_affected !== undefined && position > 0) isVulnerable = false;
  }
  return isVulnerable;
}

/** Smaller than every version is what OSV calls 0. */
function versionOf({ introduced, fixed, last_affected }: RangeEvent): string {
  const version = introduced ?? fixed ?? last_affected ?? '0';
  return version === '0' ? '0.0.0-0' : version;
}

/**
 * Reads advisories one by one: a file has one or a list of them, a folder has such files at any depth. Throws if there
 * are none, as nothing was checked then.
 */
export async function* readAdvisories(path: string): AsyncGenerator<Advisory> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    (error: unknown) => {
      throw new Error(
        `ADVISORIES cannot be read: ${messageOf(error)}; use a file or folder of JSON in the format of OSV`,
      );
    },
  );
  const files = isFolder ? (await readdir(path, { recursive: true })).filter((file) => file.endsWith('.json')) : [''];
  let count = 0;
  for (const file of files.toSorted()) {
    for (const advisory of await readFileOf(join(path, file))) {
      count += 1;
      yield advisory;
    }
  }
  if (count === 0) throw new Error(`${path} has no advisories: use a file or folder of JSON in the format of OSV`);
}

async function readFileOf(file: string): Promise<Advisory[]> {
  const content = parse(file, await readFile(file, 'utf8'));
  const entries: unknown[] = Array.isArray(content) ? content : [content];
  return entries.map((entry) => {
    if (isAdvisory(entry)) return entry;
    throw new Error(`${file} has an entry that is not an advisory in the format of OSV`);
  });
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON: ${messageOf(error)}`);
  }
}

function isAdvisory(entry: unknown): entry is Advisory {
  return typeof entry === 'object' && entry !== null && 'id' in entry && typeof entry.id === 'string';
}
