import { contentProblem } from './file-content.ts';
import { maskSecrets } from './mask-secrets.ts';
import { findMisspellings } from './misspellings.ts';
import { processSettings } from './process-settings.ts';
import { type AnySetting, type ConfigFault, defaultOf, type Setting, type SettingValues } from './setting.ts';
import { type Environment, fileVariableOf, readSettingFiles, variablesOf } from './setting-files.ts';
import { unknownServices } from './static-addresses.ts';

/** All settings of a process: read once, checked as a whole, never changed. */
export interface Config extends SettingValues<typeof processSettings> {
  /** The value of a service's setting. Throws a RangeError when `readConfig` was not given that setting. */
  get<Value>(setting: Setting<Value>): Value;
}

/** All faults of the settings. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(({ variable, problem }) => `${variable} ${problem}`).join('\n'));
    this.faults = faults;
  }
}

export interface ConfigOptions {
  /** The settings of services. Default: none. */
  readonly settings?: readonly AnySetting[];
  /** The services that an address may be given for. Default: any. */
  readonly services?: readonly string[];
}

/**
 * Reads the settings of a process, from variables and from the files that `<variable>_FILE` name. An empty variable
 * counts as not set. Throws a ConfigError that names every fault.
 */
export function readConfig(environment: Environment, { settings = [], services }: ConfigOptions = {}): Config {
  const dataDir = environment.DATA_DIR || processSettings.dataDir.default;
  const all: readonly AnySetting[] = [...Object.values(processSettings), ...settings];
  const files = readSettingFiles(environment, all);
  const faults: ConfigFault[] = [...files.faults];
  const values = new Map<AnySetting, unknown>();
  for (const setting of all) {
    const { variable, allowed, parse, problemOf } = setting;
    const secret = files.values.get(variable);
    const text = secret ?? (environment[variable] || defaultOf(setting, dataDir));
    const value: unknown = parse(text);
    if (value === undefined && secret !== undefined) {
      faults.push({ variable: fileVariableOf(setting), problem: `names a file whose text must be ${allowed}` });
    } else if (setting.isContent?.(text)) {
      faults.push({ variable, problem: contentProblem });
    } else if (value === undefined) {
      const problem = problemOf?.(text);
      const rest = problem === undefined ? `but must be ${allowed}` : `which ${problem}`;
      faults.push({ variable, problem: `is ${JSON.stringify(maskSecrets(text))}, ${rest}` });
    }
    values.set(setting, value);
  }
  const named = Object.entries(processSettings).map(([name, setting]) => [name, values.get(setting)]);
  const config = { ...Object.fromEntries(named), get } as Config;
  // Not there when it cannot be read.
  if (services !== undefined && config.discovery?.scheme === 'static')
    faults.push(...unknownServices(config.discovery.addresses, services));
  if (faults.length > 0) throw new ConfigError([...faults, ...misspelt(environment, [...values.keys()])]);
  return Object.freeze(config);

  function get<Value>(setting: Setting<Value>): Value {
    if (!values.has(setting)) throw new RangeError(`${setting.variable} was not read: give its service to readConfig`);
    return values.get(setting) as Value;
  }
}

/** Variables that look like settings. Alone they are no reason to refuse a start: another program may read them. */
function misspelt(environment: Environment, settings: readonly AnySetting[]): ConfigFault[] {
  return findMisspellings(environment, variablesOf(settings)).map(({ variable, meant }) => {
    return { variable, problem: `is not a setting: did you mean ${meant}?` };
  });
}

/** The database of one service. */
export function databaseUrlOf(config: Config, service: string): string {
  return config.databaseUrl.replaceAll('<service>', service);
}
