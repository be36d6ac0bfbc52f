import { Status } from 'nice-grpc-common';
import type { SentCall } from './one-request-call.ts';
import { undecodableText, type WireListener } from './wire-call.ts';

// Enough to keep the connection busy while the reader works. A slow reader holds no more than these.
const readAhead = 16;

interface Waiter<Response> {
  readonly resolve: (result: IteratorResult<Response, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The responses of a call, which starts when the first is requested. A few are read ahead; beyond them the sender waits.
 * Leaving the loop cancels the call.
 */
export function createResponseStream<Response>(
  decode: (bytes: Uint8Array) => Response,
  open: (listener: WireListener) => SentCall,
): AsyncIterableIterator<Response, undefined> {
  const ready: Response[] = [];
  const waiters: Waiter<Response>[] = [];
  let wire: SentCall | undefined;
  let reading = false;
  let end: { error: unknown } | undefined;

  const readOn = (call: SentCall) => {
    if (reading || end || ready.length >= readAhead) return;
    reading = true;
    call.startRead();
  };

  const listener: WireListener = {
    onMessage(bytes) {
      reading = false;
      if (end || !wire) return;
      let response: Response;
      try {
        response = decode(bytes);
      } catch (error) {
        return wire.cancelWithStatus(Status.INTERNAL, undecodableText(error));
      }
      const waiter = waiters.shift();
      if (waiter) waiter.resolve({ value: response, done: false });
      else ready.push(response);
      readOn(wire);
    },
    onEnd(error) {
      if (end) return;
      end = { error };
      const first = waiters.shift();
      if (first) finish(first);
      for (const waiter of waiters.splice(0)) waiter.resolve({ value: undefined, done: true });
    },
  };

  // The error is reported once. After it the stream has ended, as with a generator.
  const finish = (waiter: Waiter<Response>) => {
    const error = end?.error;
    end = { error: undefined };
    if (error) waiter.reject(error);
    else waiter.resolve({ value: undefined, done: true });
  };

  return {
    next: () =>
      new Promise((resolve, reject) => {
        const response = ready.shift();
        if (response !== undefined) resolve({ value: response, done: false });
        else if (end) finish({ resolve, reject });
        else waiters.push({ resolve, reject });
        if (end) return;
        wire ??= open(listener);
        readOn(wire);
      }),
    return: async () => {
      const running = !end;
      listener.onEnd(undefined);
      end = { error: undefined };
      ready.length = 0;
      if (running) wire?.cancelWithStatus(Status.CANCELLED, 'the reader left the stream');
      return { value: undefined, done: true };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
