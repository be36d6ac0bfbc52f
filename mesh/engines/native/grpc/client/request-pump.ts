import { Status } from 'nice-grpc-common';
import type { OpenCall } from './call-listener.ts';

/** Connects the sender of requests with its call. */
export interface RequestHooks {
  onRoom?: () => void;
  onEnd?: () => void;
  /** The error of the source of requests, which the caller gets. */
  fault?: { readonly error: unknown };
}

export type SendRequests = (call: OpenCall, hooks: RequestHooks) => void;

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
 * Sends requests as fast as the source gives them and the peer accepts them. If the source throws, the call ends and the
 * caller gets that error. If the call ends first, the source is closed.
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
      // The call already has its outcome, which an error of the source does not change.
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

function failFor(error: unknown, call: OpenCall, hooks: RequestHooks): void {
  hooks.fault = { error };
  call.cancel(Status.CANCELLED, 'the source of requests failed');
}
