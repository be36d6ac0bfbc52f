import { cp, glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isOptionsOnly, withoutCustomOptions } from './protos/plain-proto.ts';
import { collectThirdPartyProtos, collectWellKnownProtos, isThirdParty } from './protos/third-party-protos.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Writes our contracts and everything they import to `targetDir`, which then compiles with no other include path. */
export async function exportProtos(targetDir: string): Promise<void> {
  await rm(targetDir, { recursive: true, force: true });
  await mkdir(targetDir, { recursive: true });
  await cp(join(root, 'proto'), targetDir, { recursive: true });
  await collectThirdPartyProtos(targetDir);
  await collectWellKnownProtos(targetDir);
}

/** Writes the contracts in `sourceDir` to `targetDir` without custom options and the contracts that define these. */
export async function exportPlainProtos(sourceDir: string, targetDir: string): Promise<void> {
  await rm(targetDir, { recursive: true, force: true });
  for await (const path of glob('**/*.proto', { cwd: sourceDir })) {
    if (isOptionsOnly(path)) continue;
    const source = await readFile(join(sourceDir, path), 'utf8');
    await mkdir(dirname(join(targetDir, path)), { recursive: true });
    await writeFile(join(targetDir, path), isThirdParty(path) ? source : withoutCustomOptions(source));
  }
}

if (import.meta.main) {
  await exportProtos(join(root, 'dist/protos'));
  await exportPlainProtos(join(root, 'dist/protos'), join(root, 'dist/protos-plain'));
  console.log('dist/protos: the contracts and their imports; dist/protos-plain: the same without custom options');
}
