import { Status } from 'nice-grpc-common';
import { MeshError } from '../errors/mesh-error.ts';

/** UNIMPLEMENTED `UNKNOWN_METHOD`. */
export function unknownMethod(path: string): MeshError {
  const text = `this server has no method ${path}: ask its reflection for what it has`;
  return new MeshError(Status.UNIMPLEMENTED, 'UNKNOWN_METHOD', text);
}

/** INVALID_ARGUMENT `MALFORMED_TIMEOUT`. */
export function malformedTimeout(timeout: string): MeshError {
  const text = `grpc-timeout "${timeout}" is no timeout: send at most 8 digits and one of H, M, S, m, u, n`;
  return new MeshError(Status.INVALID_ARGUMENT, 'MALFORMED_TIMEOUT', text);
}
