import type { IncomingHttpHeaders } from 'node:http';
import { Metadata } from 'nice-grpc-common';
import { changeReasonKey, decodeChangeReason, encodeChangeReason } from '../../operator-actions/change-reason.ts';

/**
 * Returns the metadata that says why an operator makes a change, as the header `Request-Reason` does; `undefined` if it
 * does not.
 */
export function changeReasonMetadata(headers: IncomingHttpHeaders): Metadata | undefined {
  const reason = decodeChangeReason(headers[changeReasonKey] as string | undefined);
  return reason === undefined ? undefined : Metadata().set(changeReasonKey, encodeChangeReason(reason));
}
