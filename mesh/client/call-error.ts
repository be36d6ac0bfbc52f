import { type Metadata, Status } from 'nice-grpc-common';
import { TransportError } from '../engines/transport-error.ts';
import { MeshError, type MeshErrorOptions } from '../errors/mesh-error.ts';
import { decodeStatusDetails, statusDetailsKey } from '../errors/status-details.ts';

/**
 * What a client's call rejects with: a MeshError with what the server said (code, reason, metadata, violations), or what
 * went wrong on the way there. `reason` is the name of the code when the server gave none. It is an `instanceof
 * ClientError` as well, so that code written for nice-grpc handles it unchanged.
 */
export class CallError extends MeshError {
  /** `/user.v1.UserService/GetUser`. */
  readonly path: string;
  /** The text alone, as in nice-grpc's ClientError; the same as `message`. */
  readonly details: string;
  readonly #trailer: Metadata | undefined;

  constructor(path: string, error: MeshError, trailer?: Metadata) {
    super(error.code, error.reason, error.message, optionsOf(error));
    this.path = path;
    this.details = error.message;
    this.#trailer = trailer;
  }

  /** The trailer that came with the status; `undefined` when no server was asked. */
  get trailer(): Metadata | undefined {
    return this.#trailer;
  }

  /** By this nice-grpc knows its errors across versions of itself. */
  get '@@nice-grpc:ClientError'(): true {
    return true;
  }
}

/** Makes a CallError of what an engine or a policy failed with; anything else, such as a caller's own fault, passes as it is. */
export function asCallError(error: unknown, path: string): unknown {
  if (error instanceof TransportError) return fromTransport(error);
  if (error instanceof MeshError && !(error instanceof CallError)) return new CallError(path, error);
  return error;
}

function fromTransport(error: TransportError): CallError {
  const bytes = error.trailer.get(statusDetailsKey);
  const details = decodeStatusDetails(bytes instanceof Uint8Array ? bytes : new Uint8Array());
  const reason = details.reason || (Status[error.code] ?? 'UNKNOWN');
  const options = optionsOf({ ...details, cause: error });
  return new CallError(error.path, new MeshError(error.code, reason, error.details, options), error.trailer);
}

type Described = Pick<MeshError, 'metadata' | 'violations' | 'retryAfterMs' | 'cause'>;

function optionsOf({ metadata, violations, retryAfterMs, cause }: Described): MeshErrorOptions {
  return { metadata, violations, cause, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}
