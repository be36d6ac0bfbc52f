import { Metadata } from 'nice-grpc-common';
import type { EngineMethod, MethodKind, TransportCall } from '../../engine.ts';

/** A method whose messages are texts; its path is `/t/<kind>`. */
export function textMethod(kind: MethodKind): EngineMethod<string, string> {
  const encode = (text: string) => Buffer.from(text);
  const decode = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  const codec = { encodeRequest: encode, decodeRequest: decode, encodeResponse: encode, decodeResponse: decode };
  return { path: `/t/${kind}`, kind, ...codec };
}

/** A call without metadata that may last 10 s, or as `options` have it. */
export function callOf(options: Partial<TransportCall> = {}): TransportCall {
  return { metadata: Metadata(), deadlineMs: Date.now() + 10_000, signal: undefined, ...options };
}
