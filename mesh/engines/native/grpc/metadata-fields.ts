import { Metadata } from 'nice-grpc-common';

/** Fields of HTTP and gRPC, which are not metadata. */
const reserved: ReadonlySet<string> = new Set([
  'te',
  'content-type',
  'content-length',
  'grpc-timeout',
  'grpc-encoding',
  'grpc-accept-encoding',
  'grpc-status',
  'grpc-message',
  'user-agent',
  'host',
]);

// gRPC allows only printable ASCII.
const validName = /^[0-9a-z_.-]+$/;
const validValue = /^[\x20-\x7e]*$/;

/**
 * The metadata in fields. A `-bin` field has one or several values in base64, separated by commas. Fields that are valid in
 * HTTP but not in gRPC are ignored.
 */
export function metadataOf(fields: readonly string[]): Metadata {
  const metadata = Metadata();
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const value = fields[index + 1] ?? '';
    if (!validName.test(name) || (reserved.has(name) && name !== 'user-agent')) continue;
    if (name.endsWith('-bin')) {
      for (const part of value.split(',')) metadata.append(name, bytesOf(part));
    } else if (validValue.test(value)) {
      metadata.append(name, value.trim());
    }
  }
  return metadata;
}

/** Metadata as fields, without those of HTTP and gRPC. Bytes are in base64 without padding, as gRPC's protocol recommends. */
export function fieldsOf(metadata: Metadata): string[] {
  const fields: string[] = [];
  for (const [name, values] of metadata) {
    if (reserved.has(name)) continue;
    for (const value of values) {
      fields.push(name, typeof value === 'string' ? value.trim() : base64Of(value));
    }
  }
  return fields;
}

/** In memory of their own: a short `Buffer` is a part of one that Node shares, whose other bytes `value.buffer` would show. */
function bytesOf(base64: string): Buffer {
  return Buffer.from(new Uint8Array(Buffer.from(base64, 'base64')).buffer);
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}
