import { readFile } from 'node:fs/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** The descriptors of the contracts. */
export const contractDescriptors = new URL('../../gen/descriptors.binpb', import.meta.url);

/** The OpenAPI document of the contracts. */
export const contractOpenApi = new URL('../../gen/openapi.json', import.meta.url);

/** Returns the full names of the services in a descriptor set, without gRPC's own (health, reflection). */
export async function readDeclaredServices(descriptors: URL): Promise<string[]> {
  const { file } = fromBinary(FileDescriptorSetSchema, await readFile(descriptors));
  return file
    .filter((proto) => !proto.package.startsWith('grpc.'))
    .flatMap((proto) => proto.service.map((service) => `${proto.package}.${service.name}`));
}
