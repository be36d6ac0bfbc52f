import { readFileSync, type Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { ConfigError } from '../../config/config.ts';
import type { TlsIdentity } from '../../engines/tls/tls-options.ts';
import { messageOf } from '../../errors/error-text.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { type CheckedMaterial, checkMaterial, type IdentityFiles } from './check-material.ts';
import { type CheckFiles, chooseMaterial, type ReadFile, type ReadFiles } from './choose-material.ts';
import { PemFault, type PemFile } from './pem-file.ts';

/** A setting that names a file. */
export interface NamedFile {
  /** `TLS_CERT`. */
  readonly variable: string;
  readonly path: string;
}

/** The files of an identity, and the settings that name them. */
export interface NamedFiles {
  readonly cert: NamedFile;
  readonly key: NamedFile;
  readonly ca?: NamedFile | undefined;
  readonly crl?: NamedFile | undefined;
}

export interface TlsFilesOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The material in files, which is replaced when they change. */
export interface TlsFiles extends Pick<TlsIdentity, 'onChange'> {
  readonly named: NamedFiles;
  /** What was last read and can be used. */
  readonly checked: CheckedMaterial;
  /** What is wrong with files that cannot be used now, so that what was valid before stays. */
  readonly refused: readonly PemFault[];
  /**
   * Refuses certificates in which `problemOf` finds a problem, to follow the name of their file: with a ConfigError if
   * it is the one in use, and by keeping that after a change.
   */
  require(problemOf: (checked: CheckedMaterial) => string | undefined): void;
  /** Ends the watch. */
  close(): void;
}

/** How often files are looked at. */
export const everyMs = 1_000;

// While several files are replaced one after the other, they do not match: that is no fault yet.
export const settleChecks = 3;

/**
 * Opens the files of an identity and watches them. Throws a ConfigError if they cannot be used. After a change the new
 * certificate is used once it and its key are valid, and new authorities once they and their lists are; until then the
 * last stay, and a warning says what is wrong.
 */
export function openTlsFiles(files: NamedFiles, options: TlsFilesOptions): TlsFiles {
  return new WatchedFiles(files, options);
}

class WatchedFiles implements TlsFiles {
  readonly named: NamedFiles;
  readonly #options: TlsFilesOptions;
  readonly #listeners = new Set<() => void>();
  #checked: CheckedMaterial;
  /** The state of the files of which `checked` is. Empty: not known. */
  #usedState = '';
  #faultyState = '';
  #refused: readonly PemFault[] = [];
  #faultyChecks = 0;
  #cancel: () => void;
  #isClosed = false;
  #problemOf: (checked: CheckedMaterial) => string | undefined = () => undefined;
  readonly #check: CheckFiles = (files, used) => {
    const checked = checkMaterial(files, this.#options.clock.now(), used);
    const problem = this.#problemOf(checked);
    if (problem !== undefined) throw new PemFault(files.cert, problem);
    return checked;
  };

  constructor(files: NamedFiles, options: TlsFilesOptions) {
    this.named = files;
    this.#options = options;
    this.#checked = this.#open();
    this.#cancel = this.#next();
  }

  get checked(): CheckedMaterial {
    return this.#checked;
  }

  get refused(): readonly PemFault[] {
    return this.#refused;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  require(problemOf: (checked: CheckedMaterial) => string | undefined): void {
    const problem = problemOf(this.#checked);
    if (problem !== undefined) throw new ConfigError([new PemFault(this.named.cert, problem)]);
    this.#problemOf = problemOf;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
  }

  #open(): CheckedMaterial {
    try {
      return this.#check(mapFiles(this.named, readNow));
    } catch (error) {
      if (error instanceof PemFault) throw new ConfigError([error]);
      throw error;
    }
  }

  #next(): () => void {
    return this.#options.clock.after(everyMs, () => void this.#poll());
  }

  /** Events of the file system do not show all replacements, such as that of a folder that a link leads to. */
  async #poll(): Promise<void> {
    const state = await stateOf(this.named);
    if (state !== this.#usedState) await this.#read(state);
    // They are again as they were.
    else if (this.#faultyState !== '') this.#note([], state);
    if (!this.#isClosed) this.#cancel = this.#next();
  }

  async #read(state: string): Promise<void> {
    const choice = chooseMaterial(await readAll(this.named), this.#usedFiles(), this.#check);
    // Otherwise they are of different times: the next look finds out.
    if (this.#isClosed || (await stateOf(this.named)) !== state) return;
    if (choice.faults.length === 0) this.#usedState = state;
    this.#note(choice.faults, state);
    if (choice.checked !== undefined && !isEqual(choice.checked, this.#checked)) this.#use(choice.checked);
  }

  #usedFiles(): IdentityFiles {
    const { key, cert, ca, crl } = this.#checked.material;
    const { named } = this;
    return {
      cert: { ...named.cert, text: String(cert) },
      key: { ...named.key, text: String(key) },
      ca: named.ca && { ...named.ca, text: ca ?? '' },
      crl: named.crl && { ...named.crl, text: String(crl) },
    };
  }

  /** Logs faults once, unless they have gone before the third look. */
  #note(faults: readonly PemFault[], state: string): void {
    this.#faultyChecks = faults.length > 0 && state === this.#faultyState ? this.#faultyChecks + 1 : 1;
    this.#faultyState = faults.length > 0 ? state : '';
    if (faults.length > 0 && this.#faultyChecks < settleChecks) return;
    const settings = this.#refused.map(({ variable }) => variable);
    const good = settings.filter((setting) => !faults.some(({ variable }) => variable === setting));
    if (good.length > 0) this.#options.logger.info({ settings: good }, 'TLS files can be used again');
    this.#refused = faults;
    if (this.#faultyChecks !== settleChecks) return;
    for (const { path, message } of faults)
      this.#options.logger.warn({ file: path }, `${message}; the last valid one stays in use`);
  }

  #use(checked: CheckedMaterial): void {
    this.#checked = checked;
    const [{ subject, serialNumber, notAfterMs }] = checked.chain;
    const expires = new Date(notAfterMs).toISOString();
    const { variable } = this.named.cert;
    this.#options.logger.info({ setting: variable, subject, serial: serialNumber, expires }, 'TLS files replaced');
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (error) {
        this.#options.logger.error({ err: error, setting: variable }, 'the replaced TLS files cannot be used');
      }
    }
  }
}

function mapFiles<Result>(
  { cert, key, ca, crl }: NamedFiles,
  map: (file: NamedFile) => Result,
): { cert: Result; key: Result; ca: Result | undefined; crl: Result | undefined } {
  return { cert: map(cert), key: map(key), ca: ca && map(ca), crl: crl && map(crl) };
}

/** Reads a file. Throws a PemFault if that is not possible. */
export function readNow(file: NamedFile): PemFile {
  try {
    return { ...file, text: readFileSync(file.path, 'utf8') };
  } catch (error) {
    throw unreadable(file, error);
  }
}

async function readAll({ cert, key, ca, crl }: NamedFiles): Promise<ReadFiles> {
  const read = (file: NamedFile): Promise<ReadFile> =>
    readFile(file.path, 'utf8').then(
      (text) => ({ ...file, text }),
      (error: unknown) => unreadable(file, error),
    );
  return { cert: await read(cert), key: await read(key), ca: ca && (await read(ca)), crl: crl && (await read(crl)) };
}

/** The fault of a file that cannot be read. */
export function unreadable(file: NamedFile, error: unknown): PemFault {
  const advice = 'check the path, and that this user may read it';
  return new PemFault(file, `which cannot be read (${codeOf(error)}): ${advice}`);
}

/** Messages of the system repeat the path. */
function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error) return String(error.code);
  throw error;
}

/** What differs after any replacement. */
async function stateOf(files: NamedFiles): Promise<string> {
  const present = [files.cert, files.key, files.ca, files.crl].filter((file) => file !== undefined);
  return (await Promise.all(present.map(stateOfFile))).join(' ');
}

/** What differs after any replacement of a file. */
export function stateOfFile({ path }: NamedFile): Promise<string> {
  return stat(path).then(
    ({ dev, ino, size, mtimeMs, ctimeMs }: Stats) => [dev, ino, size, mtimeMs, ctimeMs].join(),
    (error: unknown) => messageOf(error),
  );
}

function isEqual({ material: one }: CheckedMaterial, { material: other }: CheckedMaterial): boolean {
  return (['key', 'cert', 'ca', 'crl'] as const).every((part) => one[part] === other[part]);
}
