import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { messageOf } from '../mesh/errors/error-text.ts';
import { buildPackages } from './packages/build.ts';

// Builds the packages that others install to dist/packages, and packs each to dist/ordermesh-<name>-<version>.tgz.

const root = fileURLToPath(new URL('..', import.meta.url));

interface Packed {
  readonly filename: string;
  /** Bytes, packed and unpacked. */
  readonly size: number;
  readonly unpackedSize: number;
  readonly entryCount: number;
}

try {
  const built = await buildPackages(root, join(root, 'dist/packages'));
  for (const { folder, manifest } of built) {
    const args = ['pack', '--json', '--pack-destination', join(root, 'dist')];
    const { stdout } = await promisify(execFile)('npm', args, { cwd: folder });
    const [packed]: Packed[] = JSON.parse(stdout);
    if (packed === undefined) throw new Error(`npm pack made nothing of ${folder}`);
    const { filename, size, unpackedSize, entryCount } = packed;
    console.log(
      `dist/${filename}: ${manifest.name}, ${kilobytes(size)}, unpacked ${kilobytes(unpackedSize)}, ${entryCount} files`,
    );
  }
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}

function kilobytes(bytes: number): string {
  return `${Math.ceil(bytes / 1000)} kB`;
}
