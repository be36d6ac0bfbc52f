import { readFileSync } from 'node:fs';
import {
  ServerReflectionDefinition,
  type ServerReflectionServiceImplementation,
} from '../../../gen/ts/grpc/reflection/v1/reflection.ts';
import type { MeshCallContext } from '../call-context.ts';
import { infrastructureContract, type ServedContract, serve } from '../serve.ts';
import { answerReflection } from './answer.ts';
import { type DescriptorIndex, indexDescriptors } from './descriptor-index.ts';

// Callers made before v1 ask for v1alpha, which is the same on the wire.
const definitions = [
  ServerReflectionDefinition,
  { ...ServerReflectionDefinition, fullName: 'grpc.reflection.v1alpha.ServerReflection' },
];

/**
 * Makes the reflection of a server (v1 and v1alpha): it lists `services` and itself, and knows every type of the
 * descriptor set at `descriptors`, which is read when the first caller asks.
 */
export function createReflection(services: readonly string[], descriptors: URL): ServedContract[] {
  const listed = [...services, ...definitions.map((definition) => definition.fullName)].toSorted();
  let index: DescriptorIndex | undefined;
  const handlers: ServerReflectionServiceImplementation<MeshCallContext> = {
    async *serverReflectionInfo(requests) {
      index ??= indexDescriptors(readFileSync(descriptors));
      const sent = new Set<string>();
      for await (const request of requests) {
        yield {
          validHost: request.host,
          originalRequest: request,
          messageResponse: answerReflection(request, { index, listed, sent }),
        };
      }
    },
  };
  return definitions.map((definition) => serve(infrastructureContract(definition), handlers));
}
