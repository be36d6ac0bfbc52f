import { ClientError, type Metadata, type Status } from 'nice-grpc-common';

/** A call that failed: nice-grpc's ClientError with the trailer of its status. */
export class TransportError extends ClientError {
  /** Empty if the status comes from this side: no connection, deadline, cancellation. */
  readonly trailer: Metadata;
  /**
   * Whether no handler can have seen the call: there was no connection, or the server refused the stream. It is then safe to
   * send it elsewhere, even if its method must not be repeated.
   */
  readonly unsent: boolean;
  /** Whether the connection was lost while the call was open: a handler may have seen it. */
  readonly lost: boolean;

  constructor(path: string, code: Status, details: string, trailer: Metadata, fate?: 'unsent' | 'lost') {
    super(path, code, details);
    this.trailer = trailer;
    this.unsent = fate === 'unsent';
    this.lost = fate === 'lost';
  }
}
