import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import './kafkajs.ts';

/** As much of the library's queue of requests as its timer touches. */
interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  scheduleCheckPendingRequests(): void;
}

const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as {
  readonly prototype: RequestQueue;
};

function queueWith(pending: unknown[]): RequestQueue {
  return Object.assign(Object.create(prototype) as RequestQueue, {
    pending,
    throttledUntil: -1,
    throttleCheckTimeoutId: null,
  });
}

it('an idle connection sets no timer', () => {
  const queue = queueWith([]);
  queue.scheduleCheckPendingRequests();
  expect(queue.throttleCheckTimeoutId).toBeNull();
});

it('a connection with waiting requests sends them', () => {
  const queue = queueWith([{}]);
  queue.scheduleCheckPendingRequests();
  expect(queue.throttleCheckTimeoutId).not.toBeNull();
  clearTimeout(queue.throttleCheckTimeoutId ?? undefined);
});
