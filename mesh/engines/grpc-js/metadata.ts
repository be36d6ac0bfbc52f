import { Metadata as WireMetadata } from '@grpc/grpc-js';
import { Metadata } from 'nice-grpc-common';

/** grpc-js's metadata as nice-grpc's. Repeated text values are joined by commas, as HTTP does. */
export function fromWireMetadata(source: WireMetadata): Metadata {
  const metadata = Metadata();
  for (const key of Object.keys(source.toJSON())) metadata.set(key, source.get(key));
  return metadata;
}

/** nice-grpc's metadata as grpc-js's, added to `target`; default is a new one. */
export function toWireMetadata(source: Metadata, target = new WireMetadata()): WireMetadata {
  for (const [key, values] of source) {
    for (const value of values) target.add(key, typeof value === 'string' ? value : toBuffer(value));
  }
  return target;
}

/** The same bytes as a Buffer, not a copy: grpc-js takes nothing else. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
