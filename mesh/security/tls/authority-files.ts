import { readFile } from 'node:fs/promises';
import { ConfigError } from '../../config/config.ts';
import { PemFault, readCertificates } from './pem-file.ts';
import {
  everyMs,
  type NamedFile,
  readNow,
  settleChecks,
  stateOfFile,
  type TlsFilesOptions,
  unreadable,
} from './tls-files.ts';
import type { FileState } from './tls-states.ts';

/** The authorities in a file. */
export interface AuthorityFile {
  /** Of the file as it is now, or as it last was when it could be used. */
  readonly pem: string;
}

/** Files with authorities, which are looked at each second while one is open. */
export class AuthorityFiles {
  readonly #options: TlsFilesOptions;
  readonly #byPath = new Map<string, WatchedAuthorities>();
  #cancel: (() => void) | undefined;
  #isClosed = false;

  constructor(options: TlsFilesOptions) {
    this.#options = options;
  }

  /** Opens a file. Throws a ConfigError if it cannot be used. */
  open(file: NamedFile): AuthorityFile {
    const known = this.#byPath.get(file.path);
    if (known !== undefined) return known;
    const opened = new WatchedAuthorities(file, this.#options);
    this.#byPath.set(file.path, opened);
    if (!this.#isClosed) this.#cancel ??= this.#next();
    return opened;
  }

  /** The files that are watched, as they are now. */
  states(): readonly FileState[] {
    return [...this.#byPath.values()].map(({ state }) => state);
  }

  /** Ends the watch. */
  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
  }

  #next(): () => void {
    return this.#options.clock.after(everyMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    await Promise.all([...this.#byPath.values()].map((file) => file.look()));
    if (!this.#isClosed) this.#cancel = this.#next();
  }
}

class WatchedAuthorities implements AuthorityFile {
  readonly #file: NamedFile;
  readonly #options: TlsFilesOptions;
  #pem: string;
  /** The state of the file when it was last used. Empty: not known. */
  #usedState = '';
  #faultyState = '';
  #faultyLooks = 0;
  #problem: string | undefined;

  constructor(file: NamedFile, options: TlsFilesOptions) {
    this.#file = file;
    this.#options = options;
    try {
      this.#pem = checked(readNow(file));
    } catch (error) {
      if (error instanceof PemFault) throw new ConfigError([error]);
      throw error;
    }
  }

  get pem(): string {
    return this.#pem;
  }

  get state(): FileState {
    return { setting: this.#file.variable, problem: this.#problem };
  }

  async look(): Promise<void> {
    const state = await stateOfFile(this.#file);
    // With a fault, it may be again as it was.
    if (state === this.#usedState && this.#faultyState === '') return;
    try {
      this.#use(checked(await this.#read()), state);
    } catch (error) {
      if (!(error instanceof PemFault)) throw error;
      this.#note(error, state);
    }
  }

  async #read(): Promise<{ readonly text: string } & NamedFile> {
    try {
      return { ...this.#file, text: await readFile(this.#file.path, 'utf8') };
    } catch (error) {
      throw unreadable(this.#file, error);
    }
  }

  #use(pem: string, state: string): void {
    const wasRefused = this.#problem !== undefined;
    this.#problem = undefined;
    const isNew = pem !== this.#pem;
    this.#pem = pem;
    this.#usedState = state;
    this.#faultyState = '';
    this.#faultyLooks = 0;
    const { variable: setting, path: file } = this.#file;
    if (isNew) this.#options.logger.info({ setting, file }, 'authorities replaced');
    else if (wasRefused) this.#options.logger.info({ setting, file }, 'authorities can be read again');
  }

  /** Logs a fault once, unless it has gone before the third look: it may be written just now. */
  #note({ message, path: file }: PemFault, state: string): void {
    this.#faultyLooks = state === this.#faultyState ? this.#faultyLooks + 1 : 1;
    this.#faultyState = state;
    if (this.#faultyLooks < settleChecks) return;
    this.#problem = message;
    if (this.#faultyLooks > settleChecks) return;
    this.#options.logger.warn({ file }, `${message}; the last valid one stays in use`);
  }
}

function checked(file: NamedFile & { readonly text: string }): string {
  readCertificates(file, 'the certificates of authorities');
  return file.text;
}
