import type { WireStatus } from '../../../../errors/wire-status.ts';
import { malformedTimeout, metadataTooLarge, unknownEncoding, unknownMethod } from '../../../errors.ts';
import type { CallRefusal } from '../../../host-observer.ts';
import type { HttpRefusal } from '../../../http-refusal.ts';
import { requestIdKey } from '../../../request-id.ts';
import { literalFields } from '../../http2/codec/literal-fields.ts';
import type { MessageHead } from '../../http2/codec/message-head.ts';
import type { Http2Stream, StreamEvents } from '../../http2/streams/stream.ts';
import { acceptEncoding } from '../compression.ts';
import { fieldsOf } from '../metadata-fields.ts';
import { fittingStatus, statusOnly } from '../reply-fields.ts';
import type { RequestHead } from './request-head.ts';

/** Why a gRPC call is refused; `undefined` if it is not. `isForwarded`: its messages are not read here. */
export function refusalOf({ list }: MessageHead, request: RequestHead, isForwarded: boolean): CallRefusal | undefined {
  if (list.tooLarge) return { reason: 'metadata_too_large', error: metadataTooLarge() };
  const { badTimeout: timeout, unknownEncoding: encoding } = request;
  if (timeout !== undefined) return { reason: 'malformed_timeout', error: malformedTimeout({ timeout }) };
  if (encoding === undefined || isForwarded) return undefined;
  return { reason: 'unknown_encoding', error: unknownEncoding({ encoding, known: acceptEncoding }) };
}

/** The refusal of a call whose path has no method. */
export function unknownPath(path: string): CallRefusal {
  return { reason: 'unknown_method', error: unknownMethod({ path }) };
}

/** Answers a call with only a status. */
export function refuse(
  stream: Http2Stream,
  requestId: string | undefined,
  { code, details, metadata }: WireStatus,
): StreamEvents {
  const more = [...idFields(requestId), 'grpc-accept-encoding', acceptEncoding, ...fieldsOf(metadata)];
  stream.sendHeaders(statusOnly(fittingStatus(code, details, more, stream.maxHeaderListBytes)), true);
  return ignoring(stream);
}

/** Answers a request that is not gRPC, with an HTTP status. */
export function refuseHttp(
  stream: Http2Stream,
  requestId: string | undefined,
  { status, headers, text }: HttpRefusal,
): StreamEvents {
  const block = literalFields([':status', `${status}`, ...idFields(requestId), ...Object.entries(headers).flat()]);
  stream.sendHeaders(block, text === '');
  stream.write(Buffer.from(text));
  stream.end();
  return ignoring(stream);
}

function idFields(requestId: string | undefined): readonly string[] {
  return requestId === undefined ? [] : [requestIdKey, requestId];
}

/** Discards the rest of a refused request. */
function ignoring(stream: Http2Stream): StreamEvents {
  return {
    data: (_, start, end) => stream.consumed(end - start),
    ended: () => undefined,
    aborted: () => undefined,
    writable: () => undefined,
  };
}
