import { Status } from 'nice-grpc-common';
import { MeshError } from '../../../../errors/mesh-error.ts';

/** INTERNAL `MALFORMED_REQUEST`. */
export function requestFault(path: string, what: string): MeshError {
  const text = `a request of ${path} is none: ${what}; send one whole message`;
  return new MeshError(Status.INTERNAL, 'MALFORMED_REQUEST', text);
}

/** RESOURCE_EXHAUSTED `TOO_MUCH_UNFINISHED`: to wait would help nobody, since what waits cannot be finished. */
export function tooMuchUnfinished(path: string): MeshError {
  const text = `a request of ${path} is ended: the calls of this connection hold over 24 MiB that is not whole; send fewer large messages at a time`;
  return new MeshError(Status.RESOURCE_EXHAUSTED, 'TOO_MUCH_UNFINISHED', text);
}

/** DEADLINE_EXCEEDED `REQUEST_INCOMPLETE`. */
export function requestIncomplete(path: string, timeoutMs: number): MeshError {
  const text = `a request of ${path} did not come whole within ${timeoutMs} ms: send all of it, and end it`;
  return new MeshError(Status.DEADLINE_EXCEEDED, 'REQUEST_INCOMPLETE', text);
}

/** RESOURCE_EXHAUSTED `METADATA_TOO_LARGE`, of the metadata that a handler has set. */
export function replyMetadataTooLarge(path: string, mostBytes: number): MeshError {
  const text = `the metadata of the answer of ${path} is over the ${mostBytes} bytes that the caller takes: allow more there, or send it in the message`;
  return new MeshError(Status.RESOURCE_EXHAUSTED, 'METADATA_TOO_LARGE', text);
}
