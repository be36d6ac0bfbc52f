import { ClientError, type Metadata, type Status } from 'nice-grpc-common';

/** A call that failed: nice-grpc's ClientError with the trailer of its status. */
export class TransportError extends ClientError {
  /** Empty if the status comes from this side: no connection, deadline, cancellation. */
  readonly trailer: Metadata;

  constructor(path: string, code: Status, details: string, trailer: Metadata) {
    super(path, code, details);
    this.trailer = trailer;
  }
}
