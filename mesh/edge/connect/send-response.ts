import { Readable } from 'node:stream';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import type { FastifyReply } from 'fastify';

/** Sends the answer of the protocol library, which is that of one message, in one piece. */
export async function sendResponse(reply: FastifyReply, response: Promise<UniversalServerResponse>): Promise<void> {
  const { status, header, body = [] } = await response;
  const bytes = Buffer.concat(await Array.fromAsync(body));
  begin(reply, status, header).send(bytes);
}

/**
 * Sends the answer of the protocol library as it comes. The library waits for the first message, so that its headers are complete.
 * `announced` resolves with them when the service has sent its own: then the head is sent, and the caller of a silent stream
 * knows that it is open.
 */
export async function sendStream(
  reply: FastifyReply,
  response: Promise<UniversalServerResponse>,
  announced: Promise<Headers>,
): Promise<void> {
  const early = await Promise.race([announced, response.then(() => undefined)]);
  const chunks = async function* () {
    if (early !== undefined) reply.raw.flushHeaders();
    const { body = [] } = await response;
    yield* body;
  };
  if (early !== undefined) begin(reply, 200, early);
  else {
    const { status, header } = await response;
    begin(reply, status, header);
  }
  reply.send(Readable.from(chunks()));
}

function begin(reply: FastifyReply, status: number, header = new Headers()): FastifyReply {
  const { raw } = reply.request;
  // The rest of a refused body is not read.
  if (!raw.complete && raw.httpVersionMajor === 1) reply.header('connection', 'close');
  return reply.code(status).headers(Object.fromEntries(header));
}
