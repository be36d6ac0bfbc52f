import { Metadata } from 'nice-grpc-common';

/** What goes on the wire for a failed call. */
export interface WireStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** What the status of a failed call depends on, in addition to its error. */
export interface EndedCall {
  /** `/user.v1.UserService/GetUser`. */
  readonly path: string;
  readonly requestId: string;
  /** The bytes of the handler's metadata that are sent with the status, by `bytesOfFields`. */
  readonly otherBytes: number;
}

/** The maximum bytes of a status with all fields that are sent with it. nginx buffers 4,096 by default, with other frames. */
export const maxStatusBytes = 4_000;

/** The bytes of fields as HPACK literals, the largest that they can be. Binary values count as base64. */
export function bytesOfFields(fields: Iterable<readonly [name: string, value: string | Uint8Array]>): number {
  let bytes = 0;
  for (const [name, value] of fields) {
    bytes += name.length + (typeof value === 'string' ? value.length : base64Bytes(value.length)) + 5;
  }
  return bytes;
}

/** The metadata of a handler that is sent with a failure, and its bytes: none if it would displace the status. */
export function metadataWithFailure(sent: Metadata): { readonly metadata: Metadata; readonly bytes: number } {
  const fields = [...sent].flatMap(([name, values]) => values.map((value) => [name, value] as const));
  const bytes = bytesOfFields(fields);
  return bytes <= maxStatusBytes / 2 ? { metadata: sent, bytes } : { metadata: Metadata(), bytes: 0 };
}

/** The bytes of base64 without padding. */
export function base64Bytes(bytes: number): number {
  return Math.ceil((bytes * 4) / 3);
}
