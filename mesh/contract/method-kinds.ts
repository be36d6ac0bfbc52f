import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const kinds = {
  one: { one: 'unary', many: 'server-streaming' },
  many: { one: 'client-streaming', many: 'bidi-streaming' },
} as const;

/** The kind of a method. */
export type DeclaredKind = (typeof kinds)['one' | 'many']['one' | 'many'];

/** The kinds of the methods in a descriptor set, by path: `/user.v1.UserService/GetUser`. */
export function readMethodKinds(descriptors: URL): ReadonlyMap<string, DeclaredKind> {
  const found = new Map<string, DeclaredKind>();
  for (const file of fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)).file) {
    for (const service of file.service) {
      for (const { name, clientStreaming, serverStreaming } of service.method) {
        const ofRequests = kinds[clientStreaming ? 'many' : 'one'];
        found.set(`/${file.package}.${service.name}/${name}`, ofRequests[serverStreaming ? 'many' : 'one']);
      }
    }
  }
  return found;
}
