import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2';
import { decodeStatusDetails, type StatusDetails, statusDetailsKey } from '../../errors/status-details.ts';

/** The end of a call, as on the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly message: string;
  readonly details: StatusDetails;
  readonly body: Buffer;
}

/** Opens an HTTP/2 connection, for calls that no gRPC client would send: over TLS if there are options for that. */
export async function rawConnection(address: string, tls?: SecureClientSessionOptions): Promise<ClientHttp2Session> {
  const session = tls === undefined ? connect(`http://${address}`) : connect(`https://${address}`, tls);
  await once(session, 'connect');
  return session;
}

/** Sends `body` unchanged to a path and waits for the end. */
export async function rawCall(
  session: ClientHttp2Session,
  path: string,
  body: Uint8Array | undefined,
  headers: Record<string, string> = {},
): Promise<RawAnswer> {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  if (body) stream.end(body);
  let end: IncomingHttpHeaders = {};
  stream.on('response', (response) => {
    end = response;
  });
  stream.on('trailers', (trailers) => {
    end = trailers;
  });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk) => chunks.push(chunk));
  await once(stream, 'end');
  const packed = Buffer.from(String(end[statusDetailsKey] ?? ''), 'base64');
  const message = decodeURIComponent(String(end['grpc-message'] ?? ''));
  const answer = {
    status: Number(end['grpc-status']),
    message,
    details: decodeStatusDetails(packed),
    body: Buffer.concat(chunks),
  };
  stream.close();
  return answer;
}
