import type { ServerReflectionServiceImplementation } from '../../../gen/ts/grpc/reflection/v1/reflection.ts';
import { answerReflection, type ReflectionAnswer } from './answer.ts';
import { reflectionDefinitions } from './definitions.ts';
import type { DescriptorIndex } from './descriptor-index.ts';

type Request = Parameters<typeof answerReflection>[0];

export interface ReflectionOptions {
  /** The services of the server. Reflection itself is added. */
  readonly services: readonly string[];
  /** Returns the index of all types; called once, at the first call. */
  readonly readIndex: () => DescriptorIndex;
  /** Answers a request with what other servers know, in addition to this one. */
  readonly merge?: ((request: Request, own: ReflectionAnswer) => Promise<ReflectionAnswer>) | undefined;
}

/** The handlers of reflection: those of v1 and v1alpha are the same. */
export function reflectionHandlers({
  services,
  readIndex,
  merge = async (_, own) => own,
}: ReflectionOptions): ServerReflectionServiceImplementation {
  const listed = [...services, ...reflectionDefinitions.map(({ fullName }) => fullName)].toSorted();
  let index: DescriptorIndex | undefined;
  return {
    async *serverReflectionInfo(requests) {
      index ??= readIndex();
      const sent = new Set<string>();
      for await (const request of requests) {
        const own = answerReflection(request, { index, listed, sent });
        yield { validHost: request.host, originalRequest: request, messageResponse: await merge(request, own) };
      }
    },
  };
}
