import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http2';
import { rawConnection } from '../../../server/testing/raw-call.ts';

/** A message on the wire. */
export interface WireMessage {
  readonly isCompressed: boolean;
  readonly bytes: Buffer;
}

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
  stream.end(wireBytes(message));
  let trailers: IncomingHttpHeaders | undefined;
  stream.on('trailers', (fields) => {
    trailers = fields;
  });
  const body = Array.fromAsync(stream as AsyncIterable<Buffer>);
  const [header] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  const messages = messagesIn(Buffer.concat(await body));
  session.destroy();
  return { header, end: trailers ?? header, messages };
}

/** A message with its flag and its length. */
export function wireBytes({ isCompressed, bytes }: WireMessage): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(isCompressed ? 1 : 0);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

function messagesIn(wire: Buffer): WireMessage[] {
  const messages: WireMessage[] = [];
  for (let at = 0; at < wire.length; ) {
    const end = at + 5 + wire.readUInt32BE(at + 1);
    messages.push({ isCompressed: wire[at] === 1, bytes: wire.subarray(at + 5, end) });
    at = end;
  }
  return messages;
}
