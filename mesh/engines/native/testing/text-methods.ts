import { Metadata } from 'nice-grpc-common';
import type { EngineMethod, MethodKind, TransportCall } from '../../engine.ts';

/** A method whose messages are text. Its path is `/t/<kind>`. */
export function textMethod(kind: MethodKind): EngineMethod<string, string> {
  const encode = (text: string) => Buffer.from(text);
  const decode = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  const codec = { encodeRequest: encode, decodeRequest: decode, encodeResponse: encode, decodeResponse: decode };
  return { path: `/t/${kind}`, kind, ...codec };
}

/** A call without metadata and with a deadline of 10 s, unless `options` differ. */
export function callOf(options: Partial<TransportCall> = {}): TransportCall {
  return { metadata: Metadata(), deadlineMs: Date.now() + 10_000, signal: undefined, ...options };
}
