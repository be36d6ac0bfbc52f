import { reflectionDefinitions } from '../../../mesh/server/reflection/definitions.ts';
import { type DescriptorIndex, indexDescriptors } from '../../../mesh/server/reflection/descriptor-index.ts';
import { reflectionHandlers } from '../../../mesh/server/reflection/reflection-handlers.ts';
import { ownDescriptors } from './own-descriptors.ts';
import type { Server } from './server/server.ts';

/**
 * Adds reflection (v1 and v1alpha) to a server. `services` are the full names of its services. `descriptors` is a serialized
 * `google.protobuf.FileDescriptorSet` with their files and all imports, as `buf build -o descriptors.binpb` and
 * `protoc --include_imports -o descriptors.binpb` write it; those of health and reflection need not be in it. Throws a TypeError
 * if it is not valid, or does not have one of the services.
 */
export function addReflection(
  server: Pick<Server, 'add'>,
  { services, descriptors }: { readonly services: readonly string[]; readonly descriptors: Uint8Array },
): void {
  const index = indexOf(descriptors);
  const unknown = services.filter((name) => !index.services.has(name));
  if (unknown.length > 0)
    throw new TypeError(
      `the descriptors do not have ${unknown.join(', ')}: pass full names of services, such as package.v1.Service, and build the descriptors from their files`,
    );
  const handlers = reflectionHandlers({ services, readIndex: () => index });
  for (const definition of reflectionDefinitions) server.add(definition, handlers);
}

function indexOf(descriptors: Uint8Array): DescriptorIndex {
  try {
    // Two serialized sets, one after the other, are one with the files of both. The later ones replace the own ones.
    return indexDescriptors(Buffer.concat([ownDescriptors(), descriptors]));
  } catch (cause) {
    throw new TypeError('the descriptors are not a serialized FileDescriptorSet: build them with "buf build -o"', {
      cause,
    });
  }
}
