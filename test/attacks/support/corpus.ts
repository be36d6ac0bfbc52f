import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A hostile or malformed input. */
export interface Input {
  readonly name: string;
  readonly title: string;
  /** The error code that must end the connection, or `served`. */
  readonly expects: string;
  readonly bytes: Buffer;
}

const folder = fileURLToPath(new URL('../corpus', import.meta.url));

/**
 * Reads the files of `corpus/`: hexadecimal bytes with comments that start with `#`. The first line is the title, the second
 * the expected result.
 */
export function readCorpus(): Input[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.hex'))
    .map((file) => readInput(file));
}

function readInput(file: string): Input {
  const text = readFileSync(join(folder, file), 'utf8');
  const [title, expects] = text.split('\n').map((line) => /^# (?:expects: )?(.*)$/.exec(line)?.[1]);
  const hex = text.replaceAll(/#.*$/gm, '').replaceAll(/\s/g, '');
  if (!title || !expects || !/^(?:[0-9a-f]{2})+$/.test(hex)) {
    throw new Error(`${file} is not a valid input: write "# <title>", "# expects: <result>", then hexadecimal bytes`);
  }
  return { name: basename(file, '.hex'), title, expects, bytes: Buffer.from(hex, 'hex') };
}
