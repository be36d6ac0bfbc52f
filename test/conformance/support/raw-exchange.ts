import { once } from 'node:events';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { readGrpcFrames, type WireMessage } from '../../../mesh/testing/grpc-frame.ts';

/** A response as it was on the wire. */
export interface RawExchange {
  readonly header: IncomingHttpHeaders;
  /** The fields with `grpc-status`: the trailers, or the headers of a trailers-only response. */
  readonly end: IncomingHttpHeaders;
  readonly messages: readonly WireMessage[];
}

/** Makes a call with this exact body, over a new connection. */
export async function rawExchange(
  port: number,
  path: string,
  body: Uint8Array,
  headers: Readonly<Record<string, string>>,
): Promise<RawExchange> {
  const session = connect(`http://127.0.0.1:${port}`);
  const call = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers };
  const stream = session.request(call);
  stream.end(body);
  let trailers: IncomingHttpHeaders | undefined;
  stream.on('trailers', (fields) => {
    trailers = fields;
  });
  const response = Array.fromAsync(stream as AsyncIterable<Buffer>);
  const [header] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  const messages = readGrpcFrames(Buffer.concat(await response));
  session.destroy();
  return { header, end: trailers ?? header, messages };
}
