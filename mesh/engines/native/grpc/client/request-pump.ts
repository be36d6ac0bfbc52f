import { Status } from 'nice-grpc-common';
import type { ClientCall } from './client-call.ts';

/** What who sends requests wants to hear of the call, and has to say of it. */
export interface RequestHooks {
  onRoom?: () => void;
  onEnd?: () => void;
  /** Why the requests failed to come: that is what the caller gets then. */
  fault?: { readonly error: unknown };
}

/** Sends the requests of a call. */
export type SendRequests = (call: ClientCall, hooks: RequestHooks) => void;

/** Sends one request. */
export function sendOne(request: unknown): SendRequests {
  return (call, hooks) => {
    try {
      call.send(request);
      call.finish();
    } catch (error) {
      failFor(error, call, hooks);
    }
  };
}

/**
 * Sends requests as they come and as the peer takes them, then ends the request. A source that fails ends the call, and
 * its own error is what the caller gets; one whose call has ended is told that nobody listens any more.
 */
export function sendEach(requests: AsyncIterable<unknown>): SendRequests {
  return (call, hooks) => {
    const iterator = requests[Symbol.asyncIterator]();
    let stopped = false;
    let wake: () => void = () => undefined;
    hooks.onRoom = () => wake();
    hooks.onEnd = () => {
      stopped = true;
      wake();
      // The call has its outcome already: how the source takes its end changes nothing.
      iterator.return?.()?.catch(() => undefined);
    };

    const pump = async () => {
      while (!stopped) {
        const next = await iterator.next();
        if (stopped) return;
        if (next.done) return call.finish();
        call.send(next.value);
        if (!call.hasRoom) await new Promise<void>((resolve) => (wake = resolve));
      }
    };
    pump().catch((error: unknown) => {
      if (!stopped) failFor(error, call, hooks);
    });
  };
}

function failFor(error: unknown, call: ClientCall, hooks: RequestHooks): void {
  hooks.fault = { error };
  call.cancel(Status.CANCELLED, 'the source of requests failed');
}
