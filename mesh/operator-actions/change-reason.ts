import { percentDecode, percentEncode } from '../engines/native/grpc/status-fields.ts';

/**
 * The metadata, and the HTTP header, that says why an operator makes a change, for methods whose request has no field
 * for it. The text is percent-encoded as in `grpc-message`: UTF-8, with printable ASCII as it is.
 */
export const changeReasonKey = 'request-reason';

/** In characters. */
export const maxChangeReasonLength = 500;

/** Encodes a reason for metadata and headers. */
export function encodeChangeReason(reason: string): string {
  return percentEncode(reason.trim());
}

/** Decodes what metadata or a header has, which may also be UTF-8 as it is. `undefined` if it says nothing. */
export function decodeChangeReason(text: string | undefined): string | undefined {
  const reason = text === undefined ? '' : percentDecode(text).trim();
  return reason === '' ? undefined : reason;
}
