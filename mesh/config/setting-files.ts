import { readFileSync, statSync } from 'node:fs';
import { contentProblem, isFileContent } from './file-content.ts';
import type { AnySetting, ConfigFault } from './setting.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** More is not a setting: the wrong file. */
const maxBytes = 65_536;

/** The variable that names a file with the value of a setting that may hold a secret: `DATABASE_URL_FILE`. */
export function fileVariableOf({ variable }: Pick<AnySetting, 'variable'>): string {
  return `${variable}_FILE`;
}

/** Returns all variables that set the settings. */
export function variablesOf(settings: readonly AnySetting[]): readonly string[] {
  return settings.flatMap((setting) =>
    setting.isSecret ? [setting.variable, fileVariableOf(setting)] : [setting.variable],
  );
}

/** The values of settings that are in files. */
export interface SettingFiles {
  /** By the variable of the setting. */
  readonly values: ReadonlyMap<string, string>;
  /** None of them shows what is in a file. */
  readonly faults: readonly ConfigFault[];
}

/**
 * Reads the files that `<variable>_FILE` of settings that may hold a secret names. An empty variable counts as not set.
 */
export function readSettingFiles(environment: Environment, settings: readonly AnySetting[]): SettingFiles {
  const values = new Map<string, string>();
  const faults: ConfigFault[] = [];
  for (const setting of settings.filter(({ isSecret }) => isSecret)) {
    const variable = fileVariableOf(setting);
    const file = environment[variable];
    if (!file) continue;
    if (isFileContent(file)) {
      faults.push({ variable, problem: contentProblem });
      continue;
    }
    const content = environment[setting.variable] ? undefined : read(file);
    if (content === undefined)
      faults.push({ variable, problem: `is set, and so is ${setting.variable}: set one of them` });
    else if ('problem' in content) faults.push({ variable, problem: `${shown(file)}, ${content.problem}` });
    else values.set(setting.variable, content.text);
  }
  return { values, faults };
}

/** Returns the environment with the values of such files in place of their names. Throws the first fault as text. */
export function withSettingFiles(environment: Environment, settings: readonly AnySetting[]): Environment {
  const { values, faults } = readSettingFiles(environment, settings);
  const [fault] = faults;
  if (fault) throw new RangeError(`${fault.variable} ${fault.problem}`);
  const resolved = { ...environment, ...Object.fromEntries(values) };
  for (const variable of values.keys()) delete resolved[fileVariableOf({ variable })];
  return resolved;
}

/** Returns the files with secrets that every user of the machine may read, each with the command that ends that. */
export function filesReadByOthers(environment: Environment, settings: readonly AnySetting[]): readonly string[] {
  return settings.flatMap((setting) => {
    const variable = setting.namesSecret ? setting.variable : fileVariableOf(setting);
    const file = (setting.isSecret || setting.namesSecret) && environment[variable];
    const mode = file ? statSync(file, { throwIfNoEntry: false })?.mode : undefined;
    return mode !== undefined && (mode & 0o004) !== 0 ? [`${variable}: chmod o-r ${file}`] : [];
  });
}

/** A text that does not begin as a path does may be the secret itself. */
function shown(file: string): string {
  return /^[./]/.test(file) ? `is ${JSON.stringify(file)}` : 'names a file';
}

type Content = { readonly text: string } | { readonly problem: string };

function read(file: string): Content {
  try {
    const stats = statSync(file);
    // A pipe would block the start.
    if (!stats.isFile()) return { problem: 'which is not a file' };
    if (stats.size > maxBytes) return { problem: `which has more than ${maxBytes} bytes` };
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file)).replace(/\r?\n$/, '');
    if (text.includes('\0')) return { problem: 'which is not a text file' };
    return text === '' ? { problem: 'which is empty' } : { text };
  } catch (error) {
    if (error instanceof TypeError) return { problem: 'which is not UTF-8 text' };
    if (error instanceof Error && 'code' in error) return { problem: `which cannot be read (${error.code})` };
    throw error;
  }
}
