import type { ReceivedMessage } from '../compression.ts';

/** Receives what happens to a call. Exactly one `onEnd` ends it. */
export interface CallListener {
  /** A message; `decompress` and `plainBytes` decompress it. What this throws ends the call. */
  onMessage(message: ReceivedMessage): void;
  /** Bytes that arrived, of any message. Call `consumed` once they are processed. */
  onBytes(bytes: number): void;
  /** `error` is `undefined` if the status is OK. */
  onEnd(error: unknown): void;
  /** There is room for more requests. */
  onRoom(): void;
}
