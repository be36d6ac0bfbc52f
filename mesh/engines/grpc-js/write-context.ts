import type { TransportCall } from '../engine.ts';

// `WriteFlags.NoCompress` of grpc-js, which it does not export as a value.
const noCompress = 2;

/** How grpc-js is to write a request: on a channel that compresses, it may leave one as it is. */
export function writeContext({ compressRequests }: TransportCall, request: unknown): { flags?: number } {
  if (typeof compressRequests !== 'function' || compressRequests(request)) return {};
  return { flags: noCompress };
}
