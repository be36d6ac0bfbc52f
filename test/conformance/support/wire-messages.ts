import { gunzipSync, gzipSync } from 'node:zlib';
import { grpcFrame, type WireMessage } from '../../../mesh/testing/grpc-frame.ts';

/** Encodes messages with their prefixes. */
export function wireBytes(...messages: readonly WireMessage[]): Buffer {
  return Buffer.concat(messages.map(({ isCompressed, bytes }) => grpcFrame(bytes, isCompressed)));
}

export function gzipped(bytes: Uint8Array): WireMessage {
  return { isCompressed: true, bytes: gzipSync(bytes) };
}

export function plain(bytes: Uint8Array): WireMessage {
  return { isCompressed: false, bytes: Buffer.from(bytes) };
}

/** Returns the message, gunzipped if it is compressed. */
export function decompressed({ isCompressed, bytes }: WireMessage): Buffer {
  return isCompressed ? gunzipSync(bytes) : bytes;
}
