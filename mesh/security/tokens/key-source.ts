import { readFile, stat } from 'node:fs/promises';
import type { ServerTrust } from '../../config/server-trust.ts';
import { fetchText } from './fetch-text.ts';

/** Where a key set comes from. */
export interface KeySource {
  /** For the log. */
  readonly name: string;
  /** Whether a start must not do without it. */
  readonly isLocal: boolean;
  /** Between two looks at it. */
  readonly refreshMs: number;
  /** Between two looks for a key that is not known. */
  readonly unknownKeyMs: number;
  /** Resolves with its text. Rejects with an Error that says what is wrong. */
  read(): Promise<string>;
}

/** The largest key set, in bytes. */
const maxBytes = 256 * 1024;
const timeoutMs = 5_000;

/** A key set at a URL. `trust`: how its server is checked; default: by the authorities of Node. */
export function urlSource(url: string, trust: ServerTrust = {}): KeySource {
  return {
    name: url,
    isLocal: false,
    refreshMs: 300_000,
    unknownKeyMs: 30_000,
    read: () => fetchText(url, { ca: trust.ca, timeoutMs, maxBytes }),
  };
}

/** A key set in a file, which may be replaced, also by another link to it. */
export function fileSource(path: string): KeySource {
  return {
    name: path,
    isLocal: true,
    refreshMs: 1_000,
    unknownKeyMs: 1_000,
    async read() {
      const { size } = await stat(path);
      if (size > maxBytes) throw new Error(`more than ${maxBytes} bytes`);
      return await readFile(path, 'utf8');
    },
  };
}
