import { readFile } from 'node:fs/promises';
import { createFileRegistry, type FileRegistry } from '@bufbuild/protobuf';
import type { FileDescriptorSet } from '@bufbuild/protobuf/wkt';
import { createProtoWorkspace } from '../../contract/testing/proto-workspace.ts';

/** The contract with every form of `google.api.http`. */
export const shapesProto = new URL('../testdata/shapes/v1/shapes.proto', import.meta.url);

/** Compiles the contract `shapes.v1`. */
export async function compileShapes(): Promise<FileDescriptorSet> {
  const workspace = await createProtoWorkspace();
  try {
    await workspace.write('shapes/v1/shapes.proto', await readFile(shapesProto, 'utf8'));
    return await workspace.build();
  } finally {
    await workspace.remove();
  }
}

/** Returns the registry of the contract `shapes.v1`. */
export async function shapesRegistry(): Promise<FileRegistry> {
  return createFileRegistry(await compileShapes());
}
