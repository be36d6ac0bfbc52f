import { reflectionDefinitions } from '../../../mesh/server/reflection/definitions.ts';
import { reflectionHandlers } from '../../../mesh/server/reflection/reflection-handlers.ts';
import type { Server } from './server/server.ts';

/**
 * Adds reflection (v1 and v1alpha) to a server. `services` are the full names of its services. `descriptors` is a serialized
 * `google.protobuf.FileDescriptorSet` with their files and all imports, as `buf build -o descriptors.binpb` and
 * `protoc --include_imports -o descriptors.binpb` write it; it is parsed at the first call.
 */
export function addReflection(
  server: Pick<Server, 'add'>,
  { services, descriptors }: { readonly services: readonly string[]; readonly descriptors: Uint8Array },
): void {
  const handlers = reflectionHandlers({ services, readDescriptors: () => descriptors });
  for (const definition of reflectionDefinitions) server.add(definition, handlers);
}
