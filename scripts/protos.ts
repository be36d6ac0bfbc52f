import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { collectThirdPartyProtos, collectWellKnownProtos } from './third-party-protos.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Writes our contracts and everything they import to `targetDir`, which then compiles with no other include path. */
export async function exportProtos(targetDir: string): Promise<void> {
  await rm(targetDir, { recursive: true, force: true });
  await mkdir(targetDir, { recursive: true });
  await cp(join(root, 'proto'), targetDir, { recursive: true });
  await collectThirdPartyProtos(targetDir);
  await collectWellKnownProtos(targetDir);
}

if (import.meta.main) {
  await exportProtos(join(root, 'dist/protos'));
  console.log('the contracts are in dist/protos: protoc -I dist/protos … dist/protos/*/v1/*.proto');
}
