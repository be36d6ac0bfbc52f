import { readFileSync } from 'node:fs';
import type { ServerReflectionServiceImplementation } from '../../../gen/ts/grpc/reflection/v1/reflection.ts';
import type { MeshCallContext } from '../call-context.ts';
import { infrastructureContract, type ServedContract, serve } from '../serve.ts';
import { answerReflection } from './answer.ts';
import { reflectionDefinitions } from './definitions.ts';
import { type DescriptorIndex, indexDescriptors } from './descriptor-index.ts';
import type { MergedReflection } from './merge.ts';

/**
 * Creates the reflection of a server (v1 and v1alpha). It lists `services` and itself, and knows every type of the
 * descriptor set at `descriptors`, which it reads at the first call. `merged` adds what other processes serve.
 */
export function createReflection(
  services: readonly string[],
  descriptors: URL,
  merged: MergedReflection | undefined,
): ServedContract[] {
  const listed = [...services, ...reflectionDefinitions.map((definition) => definition.fullName)].toSorted();
  let index: DescriptorIndex | undefined;
  const handlers: ServerReflectionServiceImplementation<MeshCallContext> = {
    async *serverReflectionInfo(requests) {
      index ??= indexDescriptors(readFileSync(descriptors));
      const sent = new Set<string>();
      for await (const request of requests) {
        const own = answerReflection(request, { index, listed, sent });
        const messageResponse = merged === undefined ? own : await merged.answer(request, own);
        yield { validHost: request.host, originalRequest: request, messageResponse };
      }
    },
  };
  return reflectionDefinitions.map((definition) => serve(infrastructureContract(definition), handlers));
}
