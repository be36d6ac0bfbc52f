import { once } from 'node:events';
import { type Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** The answer to a request. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The body as it came: not decompressed. */
  readonly bytes: Buffer;
  readonly text: string;
  /** The body, if it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests state what is in it.
  readonly json: any;
}

export interface SentRequest {
  readonly headers?: OutgoingHttpHeaders;
  /** Sent as JSON, or as it is if it is a text or bytes. Default: no body. */
  readonly body?: unknown;
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
  /** Of this machine. Default: any. */
  readonly localAddress?: string;
}

/**
 * Sends a request to `host:port`, on a connection of its own unless it has an agent. The path is sent as it is, and no header is added
 * but `content-type: application/json` to a body.
 */
export async function send(address: string, method: string, path: string, sent: SentRequest = {}): Promise<HttpAnswer> {
  const { headers = {}, body, agent, signal, localAddress } = sent;
  const [host, port] = address.split(':');
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const options = { host, port, method, path, headers: { ...type, ...headers }, agent: agent ?? false };
  const outgoing = request({ ...options, ...(signal && { signal }), ...(localAddress && { localAddress }) });
  const isRaw = typeof body === 'string' || body === undefined || body instanceof Uint8Array;
  outgoing.end(isRaw ? body : JSON.stringify(body));
  const [response] = await once(outgoing, 'response');
  // The server may have closed the connection before it got all of the body.
  outgoing.on('error', () => undefined);
  const bytes = await buffer(response);
  const answer = bytes.toString();
  const isJson = /[/+]json\b/.test(response.headers['content-type'] ?? '') && !response.headers['content-encoding'];
  return {
    status: response.statusCode,
    headers: response.headers,
    bytes,
    text: answer,
    json: isJson && answer !== '' ? JSON.parse(answer) : undefined,
  };
}
