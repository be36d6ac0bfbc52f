import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VersionPlace } from './version-places.ts';

/** Returns the versions at a place. Throws if there is none. */
export async function versionsAt(root: string, { file, pattern }: VersionPlace): Promise<string[]> {
  const text = await readFile(join(root, file), 'utf8');
  const found = [...text.matchAll(globally(pattern))].map(([, version = '']) => version);
  if (found.length === 0) throw new Error(`${file} does not show the version: correct its place in version-places.ts`);
  return found;
}

/** Sets the version at all places. All of them are looked for first, so a missing one changes nothing. */
export async function setVersion(root: string, version: string, places: readonly VersionPlace[]): Promise<void> {
  if (!/^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}$/.test(version))
    throw new Error(`invalid VERSION "${version}": use three numbers without leading zeros, such as 0.2.0`);
  for (const place of places) await versionsAt(root, place);
  for (const { file, pattern } of places) {
    const text = await readFile(join(root, file), 'utf8');
    const changed = text.replace(globally(pattern), (match, old: string) => match.replace(old, version));
    await writeFile(join(root, file), changed);
  }
}

function globally(pattern: RegExp): RegExp {
  return new RegExp(pattern, [...new Set(`${pattern.flags}g`)].join(''));
}
