import { Status } from 'nice-grpc-common';
import { messageTooLarge } from '../engines/native/grpc/errors.ts';
import { eventTooLarge, staleEtag, undecodableMessage } from '../errors/errors.ts';
import type { MeshError } from '../errors/mesh-error.ts';
import { requestIdReused } from '../idempotency/errors.ts';
import { storageTooLarge } from '../storage/errors.ts';
import {
  answerTooLarge,
  bodyTooLarge,
  expectationFailed,
  headersTooLarge,
  methodNotAllowed,
  requestTooSlow,
  unsupportedMediaType,
  urlTooLong,
} from './errors.ts';
import { hostNotAllowed } from './security/errors.ts';
import { notAcceptable, preconditionFailed, unsupportedCoding } from './semantics/errors.ts';

/** The HTTP status of each code, as google/rpc/code.proto has it. */
const statusOfCode: Readonly<Record<Status, number>> = {
  [Status.OK]: 200,
  [Status.CANCELLED]: 499,
  [Status.UNKNOWN]: 500,
  [Status.INVALID_ARGUMENT]: 400,
  [Status.DEADLINE_EXCEEDED]: 504,
  [Status.NOT_FOUND]: 404,
  [Status.ALREADY_EXISTS]: 409,
  [Status.PERMISSION_DENIED]: 403,
  [Status.RESOURCE_EXHAUSTED]: 429,
  [Status.FAILED_PRECONDITION]: 400,
  [Status.ABORTED]: 409,
  [Status.OUT_OF_RANGE]: 400,
  [Status.UNIMPLEMENTED]: 501,
  [Status.INTERNAL]: 500,
  [Status.UNAVAILABLE]: 503,
  [Status.DATA_LOSS]: 500,
  [Status.UNAUTHENTICATED]: 401,
};

/** Reasons for which HTTP has a more exact status than for their code. */
const statusOfReason: ReadonlyMap<string, number> = new Map([
  [methodNotAllowed.reason, 405],
  [notAcceptable.reason, 406],
  [requestTooSlow.reason, 408],
  [preconditionFailed.reason, 412],
  [bodyTooLarge.reason, 413],
  [eventTooLarge.reason, 413],
  // The request fits into a body, but not into a message, or not into the database.
  [messageTooLarge.reason, 413],
  [storageTooLarge.reason, 413],
  [urlTooLong.reason, 414],
  [unsupportedMediaType.reason, 415],
  [unsupportedCoding.reason, 415],
  [expectationFailed.reason, 417],
  [hostNotAllowed.reason, 421],
  // The draft of the header Idempotency-Key.
  [requestIdReused.reason, 422],
  [headersTooLarge.reason, 431],
  [answerTooLarge.reason, 500],
  // The edge encoded it, so it and the service have different contracts.
  [undecodableMessage.reason, 500],
]);

/** Returns the HTTP status of an error. `isIfMatch`: an etag came from the header `If-Match`, which has a status of its own. */
export function httpStatusOf({ code, reason }: Pick<MeshError, 'code' | 'reason'>, isIfMatch = false): number {
  if (isIfMatch && reason === staleEtag.reason) return 412;
  return statusOfReason.get(reason) ?? statusOfCode[code] ?? 500;
}
