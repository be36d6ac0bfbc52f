import { Status } from 'nice-grpc-common';
import { statusDetailsKey } from '../errors/status-details.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import { sleepAlive } from '../time/sleep.ts';
import { CallError } from './call-error.ts';
import type { MeshCallOptions } from './calls.ts';
import { retryDelay } from './policies/retry.ts';

/** Where a stream is, for one call. */
export interface Cursor<Request, Item> {
  /** Notes where the stream starts, as its service says before the first item (header `resume-after`). */
  startAt?(value: string): void;
  /** Takes an item. Returns whether the reader gets it: not if it has it already. */
  take(item: Item): boolean;
  /**
   * Returns the request that continues after the items that were taken; `undefined` if nothing is left. Throws `cause`, which
   * ended the stream, if no request can.
   */
  next(cause: unknown): Request | undefined;
}

export interface ResumableOptions {
  /** How often in a row a stream may end within 10 s without a new item before it is given up. Default: 10. */
  readonly maxAttempts?: number;
  readonly clock?: Clock;
}

type StreamCall<Request, Item> = (request: Request, options?: MeshCallOptions) => AsyncIterable<Item>;

const delayMs = retryDelay();

// A stream that was open for so long did not fail, even if nothing happened in it.
const stableMs = 10_000;

/**
 * Returns `call` as a call that continues if its stream is cut off, at any instance of the service: after UNAVAILABLE (also
 * `SERVER_DRAINING`), or INTERNAL that no handler sent, such as a reset. It waits 0.1 s before the first attempt, and up to 2 s.
 * Other errors end it, and so do the deadline and the signal of the call.
 */
export function resumable<Request, Item>(
  call: StreamCall<Request, Item>,
  cursorOf: (request: Request) => Cursor<Request, NoInfer<Item>>,
  { maxAttempts = 10, clock = systemClock }: ResumableOptions = {},
): StreamCall<Request, Item> {
  return async function* (request, options) {
    const cursor = cursorOf(request);
    let next: Request | undefined = request;
    for (let failures = 0; next !== undefined; ) {
      const startMs = clock.elapsedMs();
      try {
        for await (const item of call(next, noteStart(cursor, options))) {
          if (!cursor.take(item)) continue;
          failures = 0;
          yield item;
        }
        return;
      } catch (error) {
        if (clock.elapsedMs() - startMs >= stableMs) failures = 0;
        failures += 1;
        if (!isCutOff(error) || failures === maxAttempts) throw error;
        next = cursor.next(error);
        await sleepAlive(clock, delayMs(failures), options?.signal);
        if (options?.signal?.aborted) throw error;
      }
    }
  };
}

/** The header of a response that says where its stream begins. Few services send it. */
const startKey = 'resume-after';

/** Lets the cursor know where the stream starts. */
function noteStart(
  cursor: Pick<Cursor<unknown, unknown>, 'startAt'>,
  options: MeshCallOptions | undefined,
): MeshCallOptions | undefined {
  if (cursor.startAt === undefined) return options;
  return {
    ...options,
    onHeader(header) {
      const start = header.get(startKey);
      if (start !== undefined) cursor.startAt?.(start);
      options?.onHeader?.(header);
    },
  };
}

/** Whether a stream ended because of its server or the way there. */
function isCutOff(error: unknown): boolean {
  if (!(error instanceof Error && 'code' in error)) return false;
  if (error.code === Status.UNAVAILABLE) return true;
  const isReset = error instanceof CallError && error.trailer?.has(statusDetailsKey) === false;
  return error.code === Status.INTERNAL && isReset;
}

/**
 * Returns a cursor of a listing in the order of a key, whose request can continue after a key. Respects the `limit` of the
 * request. Example: `afterLast(request, ({ id }) => ({ afterId: id }))`.
 */
export function afterLast<Request extends { readonly limit?: number }, Item>(
  request: Request,
  after: (last: Item) => Partial<Request>,
): Cursor<Request, Item> {
  const { limit = 0 } = request;
  let last: { readonly item: Item } | undefined;
  let taken = 0;
  return {
    take(item) {
      last = { item };
      taken += 1;
      return true;
    },
    next() {
      if (limit > 0 && taken === limit) return undefined;
      if (last === undefined) return request;
      return { ...request, ...after(last.item), ...(limit > 0 && { limit: limit - taken }) };
    },
  };
}
