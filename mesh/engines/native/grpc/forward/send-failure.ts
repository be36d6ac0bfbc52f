import type { WireStatus } from '../../../../errors/wire-status.ts';
import { requestIdKey } from '../../../request-id.ts';
import { ErrorCode } from '../../http2/codec/frames.ts';
import { literalFields } from '../../http2/codec/literal-fields.ts';
import type { Http2Stream } from '../../http2/streams/stream.ts';
import { fieldsOf } from '../metadata-fields.ts';
import { fittingStatus, statusOnly } from '../reply-fields.ts';

/** How far a reply had come when its call failed. */
export interface ReplyProgress {
  readonly requestId: string;
  readonly headerSent: boolean;
  /** Whether it ends within a message. */
  readonly midway: boolean;
  /** Whether nobody waits for what windows still hold. */
  readonly isWorthless: boolean;
}

/** Ends the stream of a caller with a status. */
export function sendFailure(
  stream: Http2Stream,
  { code, details, metadata }: WireStatus,
  { requestId, headerSent, midway, isWorthless }: ReplyProgress,
): void {
  const more = [...(headerSent ? [] : [requestIdKey, requestId]), ...fieldsOf(metadata)];
  const fields = fittingStatus(code, details, more, stream.maxHeaderListBytes);
  if (!headerSent) stream.sendHeaders(statusOnly(fields), true);
  // A status after half a message would be read as INTERNAL.
  else if (midway) stream.reset(ErrorCode.INTERNAL_ERROR);
  else if (isWorthless) stream.endNow(literalFields(fields));
  else stream.end(literalFields(fields));
}
