import { readFileSync } from 'node:fs';
import { infrastructureContract, type ServedContract, serve } from '../serve.ts';
import { reflectionDefinitions } from './definitions.ts';
import { indexDescriptors } from './descriptor-index.ts';
import type { MergedReflection } from './merge.ts';
import { reflectionHandlers } from './reflection-handlers.ts';

/**
 * Creates the reflection of a server (v1 and v1alpha). It lists `services` and itself, and knows every type of the
 * descriptor set at `descriptors`, which it reads at the first call. `merged` adds what other processes serve.
 */
export function createReflection(
  services: readonly string[],
  descriptors: URL,
  merged: MergedReflection | undefined,
): ServedContract[] {
  const handlers = reflectionHandlers({
    services,
    readIndex: () => indexDescriptors(readFileSync(descriptors)),
    merge: merged && ((request, own) => merged.answer(request, own)),
  });
  return reflectionDefinitions.map((definition) => serve(infrastructureContract(definition), handlers));
}
