import { closest } from './closest.ts';
import { settingNames } from './config.ts';

/** A variable that is set and not read, and the setting that it looks like. */
export interface Misspelling {
  readonly variable: string;
  readonly meant: string;
}

/** The variables that are likely meant as settings: at most two letters, or their case, away from one that is not set. */
export function findMisspellings(environment: Readonly<Record<string, string | undefined>>): Misspelling[] {
  const unset = settingNames.filter((name) => !environment[name]);
  return Object.keys(environment).flatMap((variable) => {
    if (settingNames.some((name) => name === variable)) return [];
    const meant = closest(variable.toUpperCase(), unset);
    return meant === undefined ? [] : [{ variable, meant }];
  });
}
