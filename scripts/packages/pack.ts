import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BuiltPackage } from './build.ts';

/** What npm says of a tarball. Only what is read here. */
interface Packed {
  readonly filename: string;
  /** Bytes, packed and unpacked. */
  readonly size: number;
  readonly unpackedSize: number;
  readonly entryCount: number;
}

/** Packs a package to `<targetDir>/ordermesh-<name>-<version>.tgz`. */
export async function pack({ folder }: BuiltPackage, targetDir: string): Promise<Packed & { readonly file: string }> {
  const args = ['pack', '--json', '--pack-destination', targetDir];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: folder });
  const [packed]: Packed[] = JSON.parse(stdout);
  if (packed === undefined) throw new Error(`npm packed nothing in ${folder}`);
  return { ...packed, file: join(targetDir, packed.filename) };
}
