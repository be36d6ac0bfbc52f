import { Status } from 'nice-grpc-common';

/** By https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto, and what HTTP has in addition. */
const codes: Readonly<Record<number, Status>> = {
  400: Status.INVALID_ARGUMENT,
  401: Status.UNAUTHENTICATED,
  403: Status.PERMISSION_DENIED,
  404: Status.NOT_FOUND,
  408: Status.DEADLINE_EXCEEDED,
  409: Status.ABORTED,
  410: Status.NOT_FOUND,
  412: Status.ABORTED,
  416: Status.OUT_OF_RANGE,
  422: Status.INVALID_ARGUMENT,
  425: Status.UNAVAILABLE,
  429: Status.RESOURCE_EXHAUSTED,
  499: Status.CANCELLED,
  501: Status.UNIMPLEMENTED,
  502: Status.UNAVAILABLE,
  503: Status.UNAVAILABLE,
  504: Status.DEADLINE_EXCEEDED,
};

/** Returns the code for a status of HTTP that is an error. */
export function codeOfStatus(status: number): Status {
  const code = codes[status];
  if (code !== undefined) return code;
  if (status >= 500) return Status.INTERNAL;
  return status >= 400 ? Status.FAILED_PRECONDITION : Status.UNKNOWN;
}
