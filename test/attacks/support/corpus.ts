import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a client sent once, or might. */
export interface Input {
  readonly name: string;
  readonly title: string;
  /** The name of an error code, by which the connection is to end, or `served`. */
  readonly expects: string;
  readonly bytes: Buffer;
}

const folder = fileURLToPath(new URL('../corpus', import.meta.url));

/**
 * The files of `corpus/`: hexadecimal bytes, with comments from `#` to the end of a line. The first line says what it is, the
 * second what a server is to make of it.
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
    throw new Error(`${file} is no input: write "# what it is", "# expects: …", then hexadecimal bytes`);
  }
  return { name: basename(file, '.hex'), title, expects, bytes: Buffer.from(hex, 'hex') };
}
