import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http2';
import { rawConnection } from '../../../server/testing/raw-call.ts';
import { grpcFrame, readGrpcFrames, type WireMessage } from '../../../testing/grpc-frame.ts';

/** The response of a call on the wire. */
export interface WireAnswer {
  readonly header: IncomingHttpHeaders;
  /** The fields with `grpc-status`. */
  readonly end: IncomingHttpHeaders;
  readonly messages: readonly WireMessage[];
}

/** Makes a call with one unchanged message, over a separate connection. */
export async function exchange(
  address: string,
  path: string,
  message: WireMessage,
  headers: Readonly<Record<string, string>>,
): Promise<WireAnswer> {
  const session = await rawConnection(address);
  const call = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers };
  const stream = session.request(call);
  stream.end(grpcFrame(message.bytes, message.isCompressed));
  let trailers: IncomingHttpHeaders | undefined;
  stream.on('trailers', (fields) => {
    trailers = fields;
  });
  const body = Array.fromAsync(stream as AsyncIterable<Buffer>);
  const [header] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  const messages = readGrpcFrames(Buffer.concat(await body));
  session.destroy();
  return { header, end: trailers ?? header, messages };
}
