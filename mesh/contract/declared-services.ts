import { readFile } from 'node:fs/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** The descriptors of the contracts that everything here is generated from. */
export const contractDescriptors = new URL('../../gen/descriptors.binpb', import.meta.url);

/** The full names of the services that a descriptor set declares, gRPC's own (health, reflection) left out. */
export async function readDeclaredServices(descriptors: URL): Promise<string[]> {
  const { file } = fromBinary(FileDescriptorSetSchema, await readFile(descriptors));
  return file
    .filter((proto) => !proto.package.startsWith('grpc.'))
    .flatMap((proto) => proto.service.map((service) => `${proto.package}.${service.name}`));
}
