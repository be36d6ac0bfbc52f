import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../mesh/errors/error-text.ts';
import { buildPackages } from './packages/build.ts';
import { pack } from './packages/pack.ts';

// Builds the packages that others install to dist/packages, and packs each to dist/ordermesh-<name>-<version>.tgz.

const root = fileURLToPath(new URL('..', import.meta.url));

try {
  for (const built of await buildPackages(root, join(root, 'dist/packages'))) {
    const { filename, size, unpackedSize, entryCount } = await pack(built, join(root, 'dist'));
    const sizes = `${kilobytes(size)}, unpacked ${kilobytes(unpackedSize)}, ${entryCount} files`;
    console.log(`dist/${filename}: ${built.manifest.name}, ${sizes}`);
  }
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}

function kilobytes(bytes: number): string {
  return `${Math.ceil(bytes / 1000)} kB`;
}
