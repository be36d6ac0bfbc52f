import { Metadata } from 'nice-grpc-common';

/** Fields that belong to HTTP and gRPC and not to the metadata of a call. */
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

// What gRPC allows of what HTTP does: ASCII that can be printed.
const validName = /^[0-9a-z_.-]+$/;
const validValue = /^[\x20-\x7e]*$/;

/**
 * The metadata in fields. Values of a `-bin` field are bytes, several of them in one field behind commas. Fields that are
 * valid in HTTP and not in gRPC are left out.
 */
export function metadataOf(fields: readonly string[]): Metadata {
  const metadata = Metadata();
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const value = fields[index + 1] ?? '';
    if (!validName.test(name) || (reserved.has(name) && name !== 'user-agent')) continue;
    if (name.endsWith('-bin')) {
      for (const part of value.split(',')) metadata.append(name, new Uint8Array(Buffer.from(part, 'base64')));
    } else if (validValue.test(value)) {
      metadata.append(name, value.trim());
    }
  }
  return metadata;
}

/** Metadata as fields; what belongs to HTTP and gRPC is left out of it. */
export function fieldsOf(metadata: Metadata): string[] {
  const fields: string[] = [];
  for (const [name, values] of metadata) {
    if (reserved.has(name)) continue;
    for (const value of values) {
      fields.push(name, typeof value === 'string' ? value.trim() : Buffer.from(value).toString('base64'));
    }
  }
  return fields;
}
