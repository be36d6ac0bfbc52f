import { once } from 'node:events';
import { type Agent, type IncomingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';

/** The answer to a request. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests state what is in it.
  readonly json: any;
}

export interface SentRequest {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, or as it is if it is a text. Default: no body. */
  readonly body?: unknown;
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
  /** Of this machine. Default: any. */
  readonly localAddress?: string;
}

/** Sends a request to `host:port`. The path is sent as it is. */
export async function send(address: string, method: string, path: string, sent: SentRequest = {}): Promise<HttpAnswer> {
  const { headers = {}, body, agent, signal, localAddress } = sent;
  const [host, port] = address.split(':');
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const options = { host, port, method, path, headers: { ...type, ...headers }, agent: agent ?? false };
  const outgoing = request({ ...options, ...(signal && { signal }), ...(localAddress && { localAddress }) });
  outgoing.end(typeof body === 'string' || body === undefined ? body : JSON.stringify(body));
  const [response] = await once(outgoing, 'response');
  // The server may have closed the connection before it got all of the body.
  outgoing.on('error', () => undefined);
  const answer = await text(response);
  const isJson = /json/.test(response.headers['content-type'] ?? '') && answer !== '';
  return {
    status: response.statusCode,
    headers: response.headers,
    text: answer,
    json: isJson ? JSON.parse(answer) : undefined,
  };
}
