import { join } from 'node:path';

/** A setting that cannot be used. */
export interface ConfigFault {
  readonly variable: string;
  /** What is wrong, and what the value may be. */
  readonly problem: string;
}

/** A setting of a process or of one of its services, read once from an environment variable. */
export interface Setting<Value> {
  /** `MAIL_URL`. */
  readonly variable: string;
  /** The text that counts while the variable is not set. `<DATA_DIR>` in it is replaced by the data folder. */
  readonly default: string;
  /** What the value may be, as an error says it after "may be". */
  readonly allowed: string;
  /** Its row in docs/settings.md. Default: `allowed`. */
  readonly doc?: string;
  /** Returns the value; `undefined` when the text is not valid. */
  readonly parse: (text: string) => Value | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: a list holds settings of all types.
export type AnySetting = Setting<any>;

/** The values of settings, by the names that their owner gave them. */
export type SettingValues<Settings> = {
  readonly [Name in keyof Settings]: Settings[Name] extends Setting<infer Value> ? Value : never;
};

/** Where a URL may lead. */
export interface UrlSetting extends Omit<Setting<string>, 'parse' | 'variable'> {
  /** Schemes that a path or a name follows: `file:mail`. */
  readonly local: readonly string[];
  /** Schemes of servers: `smtp://host:25`. */
  readonly remote: readonly string[];
}

/** A setting whose value is a URL; it is kept as text. */
export function urlSetting(variable: string, { local, remote, ...rest }: UrlSetting): Setting<string> {
  return { ...rest, variable, parse: (text) => (isUrl(text, local, remote) ? text : undefined) };
}

/** A setting in whole milliseconds from 0 to `max`. */
export function millisecondsSetting(
  variable: string,
  { max, ...rest }: { readonly default: string; readonly max: number; readonly doc: string },
): Setting<number> {
  return {
    ...rest,
    variable,
    allowed: `a whole number of milliseconds up to ${max}`,
    parse: (text) => (/^\d{1,9}$/.test(text) && Number(text) <= max ? Number(text) : undefined),
  };
}

/** A setting whose value is one of `names`. */
export function choiceSetting<Name extends string>(
  variable: string,
  names: readonly Name[],
  rest: { readonly default: Name; readonly doc: string },
): Setting<Name> {
  return { ...rest, variable, allowed: names.join(', '), parse: (text) => names.find((name) => name === text) };
}

/** The default of a setting for a data folder. */
export function defaultOf(setting: AnySetting, dataDir: string): string {
  return setting.default.replace(/<DATA_DIR>\/(.*)$/, (_, below: string) => join(dataDir, below));
}

function isUrl(text: string, local: readonly string[], remote: readonly string[]): boolean {
  const parsed = URL.parse(text);
  if (parsed !== null && parsed.hostname !== '' && remote.includes(parsed.protocol.slice(0, -1))) return true;
  return local.some((scheme) => text.startsWith(`${scheme}:`) && text.length > scheme.length + 1);
}
