import type { Status } from 'nice-grpc-common';
import type { EngineMethod, TransportCall } from '../../../engine.ts';
import type { UnreadMessage } from '../compression.ts';

/** Receives what happens to a call. Exactly one `onEnd` ends it. */
export interface CallListener {
  /** A message; `decompress` and `plainBytes` decompress it. What this throws ends the call. */
  onMessage(message: UnreadMessage): void;
  /** Bytes that arrived, of any message. Call `consumed` once they are processed. */
  onBytes(bytes: number): void;
  /** `error` is `undefined` if the status is OK. */
  onEnd(error: unknown): void;
  /** There is room for more requests. */
  onRoom(): void;
}

/** A call that has begun, as the sender of its requests and the reader of its responses use it. */
export interface OpenCall {
  readonly isOver: boolean;
  /** Whether there is room to send more. */
  readonly hasRoom: boolean;
  send(request: unknown): void;
  /** Ends the requests. */
  finish(): void;
  /** Ends the call from this side. */
  cancel(code: Status, details: string): void;
  /** `bytes` of responses were processed, so the server may send as many again. */
  consumed(bytes: number): void;
  /** Decompresses a large message on another thread, before `plainBytes` is called. Never rejects. */
  decompress(message: UnreadMessage): Promise<void> | undefined;
  /** The bytes of a message. Throws a MeshError if it cannot be decompressed. */
  plainBytes(message: UnreadMessage): Uint8Array;
}

/** Begins a call, whose listener learns what happens to it, in a later microtask at the earliest. */
export type BeginCall = (
  method: EngineMethod<unknown, unknown>,
  call: TransportCall,
  listener: CallListener,
) => OpenCall;
