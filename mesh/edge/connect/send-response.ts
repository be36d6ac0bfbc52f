import { Readable } from 'node:stream';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import type { FastifyReply } from 'fastify';

/** Sends the answer of the protocol library. That of one message is sent in one piece. */
export async function sendResponse(
  reply: FastifyReply,
  {
    status,
    header = new Headers(),
    body = [],
  }: Omit<UniversalServerResponse, 'body'> & {
    readonly body?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  },
  isStream: boolean,
): Promise<void> {
  reply.code(status).headers(Object.fromEntries(header));
  if (isStream) reply.send(Readable.from(body));
  else reply.send(Buffer.concat(await Array.fromAsync(body)));
}
