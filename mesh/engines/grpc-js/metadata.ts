import { Metadata as WireMetadata } from '@grpc/grpc-js';
import { Metadata } from 'nice-grpc-common';

/** Converts grpc-js's metadata to nice-grpc's. Repeated text values are joined by commas, as in HTTP. */
export function fromWireMetadata(source: WireMetadata): Metadata {
  const metadata = Metadata();
  for (const key of Object.keys(source.toJSON())) metadata.set(key, source.get(key));
  return metadata;
}

/** Adds nice-grpc's metadata to grpc-js's. Default of `target`: a new one. */
export function toWireMetadata(source: Metadata, target = new WireMetadata()): WireMetadata {
  for (const [key, values] of source) {
    for (const value of values) target.add(key, typeof value === 'string' ? value : toBuffer(value));
  }
  return target;
}

/** The same bytes as a Buffer without a copy, because grpc-js accepts nothing else. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
