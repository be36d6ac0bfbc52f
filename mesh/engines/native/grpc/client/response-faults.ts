import { Metadata, Status } from 'nice-grpc-common';
import { MeshError } from '../../../../errors/mesh-error.ts';
import { TransportError } from '../../../transport-error.ts';

/** INTERNAL: a call that was answered OK has no answer. */
export function noResponse(path: string): TransportError {
  return new TransportError(path, Status.INTERNAL, 'the server answered OK without a message', Metadata());
}

/** A response that cannot be read: with the code of its MeshError, or INTERNAL when it is no message of its type. */
export function undecodable(path: string, cause: unknown): TransportError {
  if (cause instanceof MeshError) return new TransportError(path, cause.code, cause.message, Metadata());
  return new TransportError(path, Status.INTERNAL, `the response cannot be decoded: ${cause}`, Metadata());
}
