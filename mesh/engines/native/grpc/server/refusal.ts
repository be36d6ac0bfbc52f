import { Status } from 'nice-grpc-common';
import { MeshError } from '../../../../errors/mesh-error.ts';
import type { WireStatus } from '../../../../errors/wire-status.ts';
import { malformedTimeout, unknownMethod } from '../../../refusals.ts';
import { literalFields } from '../../http2/codec/literal-fields.ts';
import type { Http2Stream, StreamEvents } from '../../http2/streams/stream.ts';
import { acceptEncoding } from '../compression.ts';
import { fieldsOf } from '../metadata-fields.ts';
import { fittingStatus, statusOnly } from './reply-fields.ts';
import type { RequestHead } from './request-head.ts';

/** Why a call of gRPC is not begun; `undefined`: nothing speaks against it. */
export function refusalOf(request: RequestHead, hasMethod: boolean): MeshError | undefined {
  if (!hasMethod) return unknownMethod(request.path);
  if (request.badTimeout !== undefined) return malformedTimeout(request.badTimeout);
  return request.unknownEncoding === undefined ? undefined : unknownEncoding(request.unknownEncoding);
}

/** Answers a call with nothing but a status. */
export function refuse(stream: Http2Stream, { code, details, metadata }: WireStatus): StreamEvents {
  const more = ['grpc-accept-encoding', acceptEncoding, ...fieldsOf(metadata)];
  stream.sendHeaders(statusOnly(fittingStatus(code, details, more, stream.maxHeaderListBytes)), true);
  return ignoring(stream);
}

/** Answers what is no gRPC in terms of HTTP. */
export function refuseHttp(stream: Http2Stream, status: string, text: string): StreamEvents {
  stream.sendHeaders(literalFields([':status', status, 'content-type', 'text/plain']));
  stream.write(Buffer.from(`${text}\n`));
  stream.end();
  return ignoring(stream);
}

/** Takes what still comes of a request that was refused. */
function ignoring(stream: Http2Stream): StreamEvents {
  return {
    data: (_, start, end) => stream.consumed(end - start),
    ended: () => undefined,
    aborted: () => undefined,
    writable: () => undefined,
  };
}

/** RESOURCE_EXHAUSTED `METADATA_TOO_LARGE`: there was so much that nothing of it was kept, not even the path. */
export function metadataTooLarge(): MeshError {
  const text = 'the metadata of the call is over 16 KiB: send less of it, or send it as part of the message';
  return new MeshError(Status.RESOURCE_EXHAUSTED, 'METADATA_TOO_LARGE', text);
}

function unknownEncoding(name: string): MeshError {
  const text = `messages compressed with ${name} cannot be read here: use one of ${acceptEncoding}`;
  return new MeshError(Status.UNIMPLEMENTED, 'UNKNOWN_ENCODING', text);
}
