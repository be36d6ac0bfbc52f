import { Metadata as WireMetadata } from '@grpc/grpc-js';
import { Metadata } from 'nice-grpc-common';

/** Converts grpc-js's metadata to nice-grpc's. Repeated text values are joined by commas, as in HTTP. */
export function fromWireMetadata(source: WireMetadata): Metadata {
  const metadata = Metadata();
  for (const key of Object.keys(source.toJSON())) metadata.set(key, source.get(key));
  return metadata;
}

/** Adds nice-grpc's metadata to grpc-js's. Default of `target`: a new one. */
export function toWireMetadata(source: Metadata, target: WireMetadata = new UnpaddedMetadata()): WireMetadata {
  for (const [key, values] of source) {
    for (const value of values) target.add(key, typeof value === 'string' ? value : toBuffer(value));
  }
  return target;
}

/** The same bytes as a Buffer without a copy, because grpc-js accepts nothing else. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** grpc-js pads base64. gRPC's protocol has both accepted, and recommends none. */
class UnpaddedMetadata extends WireMetadata {
  override clone(): UnpaddedMetadata {
    const copy = new UnpaddedMetadata(this.getOptions());
    copy.merge(super.clone());
    return copy;
  }

  override toHttp2Headers(): ReturnType<WireMetadata['toHttp2Headers']> {
    const headers = super.toHttp2Headers();
    for (const [key, value] of Object.entries(headers)) {
      if (key.endsWith('-bin')) headers[key] = Array.isArray(value) ? value.map(unpadded) : unpadded(String(value));
    }
    return headers;
  }
}

function unpadded(base64: string): string {
  return base64.replace(/=+$/, '');
}
