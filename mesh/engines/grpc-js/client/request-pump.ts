import { toBuffer } from '../metadata.ts';
import type { WireCall } from './wire-call.ts';

/** The source of requests, and what to call if it throws. */
export interface RequestSource<Request> {
  readonly requests: AsyncIterable<Request>;
  readonly encode: (message: Request) => Uint8Array;
  /** The write flags of grpc-js for a request. */
  readonly contextOf: (message: Request) => { flags?: number };
  readonly onFault: (fault: unknown) => void;
}

/**
 * Sends requests one at a time, each after the previous one is written, then half-closes. The returned function stops that and
 * closes the source.
 */
export function pumpRequests<Request>(
  wire: WireCall,
  { requests, encode, contextOf, onFault }: RequestSource<Request>,
): () => void {
  const iterator = requests[Symbol.asyncIterator]();
  let stopped = false;
  // A call that has ended never completes its write.
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
    // The call already has its outcome, which an error of the source does not change.
    Promise.resolve(iterator.return?.()).catch(fail);
  };
}
