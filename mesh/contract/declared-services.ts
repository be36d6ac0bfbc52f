import { existsSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { ContractError } from './contract-error.ts';

/**
 * What `make gen` writes. A project that has the runtime as a package has it at or above the folder of the program that
 * runs, or in the working directory.
 */
const generated =
  generatedIn(new URL('../../gen/', import.meta.url)) ??
  generatedAbove(process.argv[1] ?? '') ??
  pathToFileURL(`${resolve('gen')}/`);

/** The descriptors of the contracts. */
export const contractDescriptors: URL = new URL('descriptors.binpb', generated);

/** The OpenAPI document of the contracts. */
export const contractOpenApi: URL = new URL('openapi.json', generated);

/** The nearest `gen/` with descriptors, in a folder above the file at `path`. */
export function generatedAbove(path: string): URL | undefined {
  if (!existsSync(path)) return undefined;
  const program = pathToFileURL(realpathSync(path));
  for (let folder = new URL('./', program); ; folder = new URL('../', folder)) {
    const found = generatedIn(new URL('gen/', folder));
    if (found !== undefined || folder.pathname === new URL('../', folder).pathname) return found;
  }
}

function generatedIn(folder: URL): URL | undefined {
  return existsSync(new URL('descriptors.binpb', folder)) ? folder : undefined;
}

/** Returns the full names of the services in a descriptor set, without gRPC's own (health, reflection). Throws if it is missing. */
export async function readDeclaredServices(descriptors: URL): Promise<string[]> {
  const content = await readFile(descriptors).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    const path = fileURLToPath(descriptors);
    const problem =
      'is missing, so there are no contracts: run "npx ordermesh-generate" in the project, or "make gen" in the repository of ' +
      'ordermesh. A program finds gen/ next to it, in a folder above, or in the working directory';
    throw new ContractError(path, problem);
  });
  const { file } = fromBinary(FileDescriptorSetSchema, content);
  return file
    .filter((proto) => !proto.package.startsWith('grpc.'))
    .flatMap((proto) => proto.service.map((service) => `${proto.package}.${service.name}`));
}
