import type { Metadata } from 'nice-grpc-common';

/** What goes on the wire for a failed call. */
export interface WireStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}
