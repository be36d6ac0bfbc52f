import { Status } from 'nice-grpc-common';
import type { CallHooks, ClientCall } from './client-call.ts';

/**
 * Sends requests as they come and as the peer takes them, then ends the request. A source that fails ends the call, and
 * its own error is what the caller gets; one whose call has ended is told that nobody listens any more.
 */
export function pumpRequests<Request>(
  call: ClientCall,
  requests: AsyncIterable<Request>,
  encode: (message: Request) => Uint8Array,
  hooks: CallHooks,
): void {
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
      call.send(encode(next.value), false);
      if (!call.hasRoom) await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  pump().catch((error: unknown) => {
    if (stopped) return;
    hooks.fault = { error };
    call.cancel(Status.CANCELLED, 'the source of requests failed');
  });
}
