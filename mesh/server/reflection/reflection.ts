import { readFileSync } from 'node:fs';
import {
  ServerReflectionDefinition,
  type ServerReflectionServiceImplementation,
} from '../../../gen/ts/grpc/reflection/v1/reflection.ts';
import type { MeshCallContext } from '../call-context.ts';
import { infrastructureContract, type ServedContract, serve } from '../serve.ts';
import { answerReflection } from './answer.ts';
import { type DescriptorIndex, indexDescriptors } from './descriptor-index.ts';

// Older callers use v1alpha, which is the same on the wire.
const definitions = [
  ServerReflectionDefinition,
  { ...ServerReflectionDefinition, fullName: 'grpc.reflection.v1alpha.ServerReflection' },
];

/**
 * Creates the reflection of a server (v1 and v1alpha). It lists `services` and itself, and knows every type of the
 * descriptor set at `descriptors`, which it reads at the first call.
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
