import { settingNames } from './config.ts';

/** A variable that is set and not read, and the setting that it looks like. */
export interface Misspelling {
  readonly variable: string;
  readonly meant: string;
}

const maxDistance = 2;

/** The variables that are likely meant as settings: at most two letters, or their case, away from one that is not set. */
export function findMisspellings(environment: Readonly<Record<string, string | undefined>>): Misspelling[] {
  const unset = settingNames.filter((name) => !environment[name]);
  return Object.keys(environment).flatMap((variable) => {
    if (settingNames.some((name) => name === variable)) return [];
    const meant = unset.find((name) => distance(variable.toUpperCase(), name) <= maxDistance);
    return meant === undefined ? [] : [{ variable, meant }];
  });
}

/** How many letters have to be put in, taken out or exchanged; more than `maxDistance` is not told apart. */
function distance(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > maxDistance) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1];
    for (const [at, otherLetter] of [...other].entries()) {
      const exchanged = (row[at] ?? 0) + (letter === otherLetter ? 0 : 1);
      next.push(Math.min(exchanged, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
