import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';

/** What the tests read of docker-compose.yml. */
export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

export interface ComposeService {
  readonly image: string;
  readonly profiles?: readonly string[];
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly networks?: { readonly default: { readonly aliases: readonly string[] } };
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly [option: string]: unknown;
}

/** Reads a file of the repository. */
export const readText = (path: string): Promise<string> =>
  readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');

/** Reads docker-compose.yml, with the parts that services share. */
export async function readComposeFile(): Promise<ComposeFile> {
  return parse(await readText('docker-compose.yml'), { merge: true });
}
