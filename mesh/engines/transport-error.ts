import { ClientError, type Metadata, type Status } from 'nice-grpc-common';

/** What is known of a failed call in addition to its status. */
export type CallFate = 'unsent' | 'lost' | 'unimplemented' | 'answered' | 'too-large';

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
  /**
   * Whether the server answered UNIMPLEMENTED and nothing else, as it does for a method that it does not have. False for
   * responses that this side found to be wrong, which are UNIMPLEMENTED too.
   */
  readonly unimplemented: boolean;
  /** Whether the server sent the status, and with it the text. Not known of a call over grpc-js, and then false. */
  readonly answered: boolean;
  /** Whether this side refused the response, or one of its messages, because it is larger than it accepts. */
  readonly tooLarge: boolean;

  constructor(path: string, code: Status, details: string, trailer: Metadata, fate?: CallFate) {
    super(path, code, details);
    this.trailer = trailer;
    this.unsent = fate === 'unsent';
    this.lost = fate === 'lost';
    this.unimplemented = fate === 'unimplemented';
    this.answered = fate === 'answered' || fate === 'unimplemented';
    this.tooLarge = fate === 'too-large';
  }
}
