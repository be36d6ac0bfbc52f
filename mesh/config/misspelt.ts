import { closest } from './closest.ts';

/** A variable that is set and not read, and the setting that it looks like. */
export interface Misspelling {
  readonly variable: string;
  readonly meant: string;
}

/**
 * The variables that are probably meant as settings: at most two letters, or their case, away from a setting that is not
 * set. `settings` are the variables that are read.
 */
export function findMisspellings(
  environment: Readonly<Record<string, string | undefined>>,
  settings: readonly string[],
): Misspelling[] {
  const unset = settings.filter((name) => !environment[name]);
  return Object.keys(environment).flatMap((variable) => {
    if (settings.includes(variable)) return [];
    const meant = closest(variable.toUpperCase(), unset);
    return meant === undefined ? [] : [{ variable, meant }];
  });
}
