import type { MeshCallContext } from './call-context.ts';

/** The requests of a stream: who waits for the next one is idle. */
export function idleRequests(
  requests: AsyncIterable<unknown>,
  { idle }: Pick<MeshCallContext, 'idle'>,
): AsyncIterable<unknown> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = requests[Symbol.asyncIterator]();
      return {
        next: () => idle(() => iterator.next()),
        return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
      };
    },
  };
}
