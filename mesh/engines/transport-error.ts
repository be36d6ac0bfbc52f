import { ClientError, type Metadata, type Status } from 'nice-grpc-common';

/** A call that failed, as an engine tells it: nice-grpc's ClientError, and the trailer that came with the status. */
export class TransportError extends ClientError {
  /** Empty when the status was made on this side: no connection, deadline, cancellation. */
  readonly trailer: Metadata;

  constructor(path: string, code: Status, details: string, trailer: Metadata) {
    super(path, code, details);
    this.trailer = trailer;
  }
}
