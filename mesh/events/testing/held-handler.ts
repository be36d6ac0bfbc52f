import type { StoredEvent } from '../log/event-log.ts';

/** A handler whose calls end when the test says so. */
export function heldHandler() {
  const held: { readonly offset: number; readonly end: PromiseWithResolvers<void> }[] = [];
  const ended: number[] = [];
  return {
    handle: async ({ offset }: StoredEvent) => {
      const end = Promise.withResolvers<void>();
      held.push({ offset: Number(offset), end });
      await end.promise;
      ended.push(Number(offset));
    },
    begun: () => held.map(({ offset }) => offset),
    /** What was handled, in that order. */
    ended: () => ended,
    /** Ends the calls of these events, so far. */
    end: (offsets: readonly number[]) => {
      for (const { offset, end } of held) if (offsets.includes(offset)) end.resolve();
    },
    fail: (offset: number) => held.find((call) => call.offset === offset)?.end.reject(new Error('not now')),
  };
}
