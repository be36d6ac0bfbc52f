import { toBuffer } from './metadata.ts';
import type { WireCall } from './wire-call.ts';

/** Where requests come from, and whom to tell when they fail to come. */
export interface RequestSource<Request> {
  readonly requests: AsyncIterable<Request>;
  readonly encode: (message: Request) => Uint8Array;
  /** How to write a request, as grpc-js has it. */
  readonly contextOf: (message: Request) => { flags?: number };
  readonly onFault: (fault: unknown) => void;
}

/**
 * Sends requests one by one, each once the one before it is on its way, then half-closes. Returns how to stop: the
 * source is then told that nobody listens any more.
 */
export function pumpRequests<Request>(
  wire: WireCall,
  { requests, encode, contextOf, onFault }: RequestSource<Request>,
): () => void {
  const iterator = requests[Symbol.asyncIterator]();
  let stopped = false;
  // A call that has ended never says that a write is done.
  let wakeWriter: () => void = () => undefined;

  const write = (message: Request) =>
    new Promise<void>((resolve) => {
      wakeWriter = resolve;
      wire.sendMessageWithContext({ ...contextOf(message), callback: () => resolve() }, toBuffer(encode(message)));
    });
  const pump = async () => {
    while (!stopped) {
      const next = await iterator.next();
      if (stopped) return;
      if (next.done) return wire.halfClose();
      await write(next.value);
    }
  };
  const fail = (fault: unknown) => {
    if (!stopped) onFault(fault);
  };

  pump().catch(fail);
  return () => {
    stopped = true;
    wakeWriter();
    // The call has its outcome already: how the source takes its end changes nothing.
    Promise.resolve(iterator.return?.()).catch(fail);
  };
}
