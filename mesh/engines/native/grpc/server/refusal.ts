import type { MeshError } from '../../../../errors/mesh-error.ts';
import type { WireStatus } from '../../../../errors/wire-status.ts';
import { malformedTimeout, unknownEncoding, unknownMethod } from '../../../errors.ts';
import type { HttpRefusal } from '../../../http-refusal.ts';
import { literalFields } from '../../http2/codec/literal-fields.ts';
import type { Http2Stream, StreamEvents } from '../../http2/streams/stream.ts';
import { acceptEncoding } from '../compression.ts';
import { fieldsOf } from '../metadata-fields.ts';
import { fittingStatus, statusOnly } from './reply-fields.ts';
import type { RequestHead } from './request-head.ts';

/** Why a gRPC call is refused; `undefined` if it is not. */
export function refusalOf(request: RequestHead, hasMethod: boolean): MeshError | undefined {
  if (!hasMethod) return unknownMethod({ path: request.path });
  if (request.badTimeout !== undefined) return malformedTimeout({ timeout: request.badTimeout });
  const encoding = request.unknownEncoding;
  return encoding === undefined ? undefined : unknownEncoding({ encoding, known: acceptEncoding });
}

/** Answers a call with only a status. */
export function refuse(stream: Http2Stream, { code, details, metadata }: WireStatus): StreamEvents {
  const more = ['grpc-accept-encoding', acceptEncoding, ...fieldsOf(metadata)];
  stream.sendHeaders(statusOnly(fittingStatus(code, details, more, stream.maxHeaderListBytes)), true);
  return ignoring(stream);
}

/** Answers a request that is not gRPC, with an HTTP status. */
export function refuseHttp(stream: Http2Stream, { status, headers, text }: HttpRefusal): StreamEvents {
  const block = literalFields([':status', `${status}`, ...Object.entries(headers).flat()]);
  stream.sendHeaders(block, text === '');
  stream.write(Buffer.from(text));
  stream.end();
  return ignoring(stream);
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
