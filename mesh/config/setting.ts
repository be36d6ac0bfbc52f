import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isFileContent } from './file-content.ts';

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
  /** Says of a text that is not valid what is wrong, to follow it: "has no port: add one". Default: by `allowed`. */
  readonly problemOf?: (text: string) => string | undefined;
  /** Its row in docs/settings.md. Default: `allowed`. */
  readonly doc?: string;
  /** Whether the value may hold a secret: then `<variable>_FILE` may name a file that has it. Default false. */
  readonly isSecret?: true;
  /** Whether it names a file that nobody else may read, such as one with a private key. Default false. */
  readonly namesSecret?: true;
  /**
   * Whether the text is most likely the content of a file in place of its path, which may be secret.
   * Default: it is not.
   */
  readonly isContent?: (text: string) => boolean;
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

/** Whole numbers that a setting may have. `min` is 0 by default. */
export interface NumberSetting {
  readonly default: string;
  readonly min?: number;
  readonly max: number;
  readonly doc: string;
}

/** A setting in whole milliseconds. */
export function millisecondsSetting(variable: string, setting: NumberSetting): Setting<number> {
  return numberSetting(variable, setting, 'a whole number of milliseconds');
}

/** A setting that is a whole number of `what`. */
export function numberSetting(
  variable: string,
  { min = 0, max, ...rest }: NumberSetting,
  what = 'a whole number',
): Setting<number> {
  return {
    ...rest,
    variable,
    allowed: min === 0 ? `${what} up to ${max}` : `${what} from ${min} to ${max}`,
    parse: (text) => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

/** The authorities that may sign the certificate of a server. */
export interface Authorities {
  /** `EVENTS_CA_FILE`. */
  readonly variable: string;
  /** The path of a PEM file. `undefined`: the setting names none. */
  readonly file?: string | undefined;
  /** Whether those of Node are meant, whatever other settings say. Default false. */
  readonly isOfNode?: boolean;
}

/**
 * A setting that names a PEM file with certificates; `node` stands for the authorities that Node knows. The file is
 * read where it is used, and again when it changes.
 */
export function certificatesSetting(variable: string, rest: { readonly doc: string }): Setting<Authorities> {
  return {
    ...rest,
    variable,
    default: '',
    allowed: 'a readable PEM file with certificates, node, or empty',
    isContent: isFileContent,
    parse: (text) => {
      if (text === '') return { variable };
      if (text === 'node') return { variable, isOfNode: true };
      return contentOf(text)?.includes('-----BEGIN CERTIFICATE-----') ? { variable, file: text } : undefined;
    },
  };
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
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

/** Whether a text is a URL with one of these schemes. */
export function isUrl(text: string, local: readonly string[], remote: readonly string[]): boolean {
  const parsed = URL.parse(text);
  if (parsed !== null && parsed.hostname !== '' && remote.includes(parsed.protocol.slice(0, -1))) return true;
  return local.some((scheme) => text.startsWith(`${scheme}:`) && text.length > scheme.length + 1);
}
