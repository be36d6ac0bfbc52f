import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** What `make gen` writes. A project that has the runtime as a package generates to `gen/` in its working directory. */
const generated = generatedIn(new URL('../../gen/', import.meta.url)) ?? pathToFileURL(`${resolve('gen')}/`);

/** The descriptors of the contracts. */
export const contractDescriptors: URL = new URL('descriptors.binpb', generated);

/** The OpenAPI document of the contracts. */
export const contractOpenApi: URL = new URL('openapi.json', generated);

function generatedIn(folder: URL): URL | undefined {
  return existsSync(new URL('descriptors.binpb', folder)) ? folder : undefined;
}

/** Returns the full names of the services in a descriptor set, without gRPC's own (health, reflection). */
export async function readDeclaredServices(descriptors: URL): Promise<string[]> {
  const { file } = fromBinary(FileDescriptorSetSchema, await readFile(descriptors));
  return file
    .filter((proto) => !proto.package.startsWith('grpc.'))
    .flatMap((proto) => proto.service.map((service) => `${proto.package}.${service.name}`));
}
