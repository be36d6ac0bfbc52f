import { type Metadata, Status } from 'nice-grpc-common';
import { metadataTooLarge } from '../engines/errors.ts';
import { messageTooLarge } from '../engines/native/grpc/errors.ts';
import { TransportError } from '../engines/transport-error.ts';
import { MeshError, type MeshErrorOptions } from '../errors/mesh-error.ts';
import { decodeStatusDetails, statusDetailsKey } from '../errors/status-details.ts';

/**
 * The error of a client's call: a MeshError with the code, reason, metadata and violations that the server sent, or with
 * what failed on the way there. `reason` is the name of the code if the server sent none. It is an `instanceof
 * ClientError` too, so code written for nice-grpc handles it.
 */
export class CallError extends MeshError {
  /** `/user.v1.UserService/GetUser`. */
  readonly path: string;
  /** The same as `message`, for code written for nice-grpc's ClientError. */
  readonly details: string;
  readonly #trailer: Metadata | undefined;

  constructor(path: string, error: MeshError, trailer?: Metadata) {
    super(error.code, error.reason, error.message, optionsOf(error));
    this.path = path;
    this.details = error.message;
    this.#trailer = trailer;
  }

  /** The trailer that came with the status; `undefined` if no server was called. */
  get trailer(): Metadata | undefined {
    return this.#trailer;
  }

  /** Identifies nice-grpc's errors across its versions. */
  get '@@nice-grpc:ClientError'(): true {
    return true;
  }
}

/** Turns an error of an engine or a policy into a CallError; returns any other, such as a caller's own, unchanged. */
export function asCallError(error: unknown, path: string): unknown {
  if (error instanceof TransportError) return fromTransport(error);
  if (error instanceof MeshError && !(error instanceof CallError)) return new CallError(path, error);
  return error;
}

/** Whether a call failed because its request, its response or their metadata are too large, for either side. */
export function isTooLarge(error: MeshError): boolean {
  const { reason, cause } = error;
  if (reason === messageTooLarge.reason || reason === metadataTooLarge.reason) return true;
  return cause instanceof TransportError && cause.tooLarge;
}

function fromTransport(error: TransportError): CallError {
  const bytes = error.trailer.get(statusDetailsKey);
  const details = decodeStatusDetails(bytes instanceof Uint8Array ? bytes : new Uint8Array());
  const reason = details.reason || (Status[error.code] ?? 'UNKNOWN');
  // Without a reason, the text is by the transport or by a proxy, and may name addresses.
  const publicText = details.reason === '' ? failureText(error) : undefined;
  const options = optionsOf({ ...details, cause: error, publicText });
  return new CallError(error.path, new MeshError(error.code, reason, error.details, options), error.trailer);
}

/** What to do about the codes that may be passed on to the own caller. ABORTED and INTERNAL leave the outcome unknown. */
const actions: { readonly [code in Status]?: string } = {
  [Status.UNAVAILABLE]: 'call again later',
  [Status.RESOURCE_EXHAUSTED]: 'send less, or call again later',
  [Status.DEADLINE_EXCEEDED]: 'check whether it took effect, or allow more time',
};

function failureText({ path, code }: TransportError): string {
  const service = path.split('/')[1] ?? path;
  const action = actions[code] ?? 'check whether it took effect';
  return `call to ${service} failed with ${Status[code] ?? code}: ${action}`;
}

type ErrorDetails = Pick<MeshError, 'metadata' | 'violations' | 'retryAfterMs' | 'cause' | 'publicText'>;

function optionsOf({ metadata, violations, retryAfterMs, cause, publicText }: ErrorDetails): MeshErrorOptions {
  return { metadata, violations, cause, publicText, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}
