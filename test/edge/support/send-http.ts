import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** An answer as it came: not decompressed. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  /** The body as JSON, if it is that. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

/** Parts of a request. A body that is not bytes is sent as JSON. */
export interface HttpParts {
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: unknown;
}

/** Sends one request to `host:port`; unlike `fetch` it adds no header but the content type of a body. */
export async function sendHttp(
  address: string,
  method: string,
  path: string,
  { headers, body }: HttpParts = {},
): Promise<HttpAnswer> {
  const bytes = body === undefined || body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body));
  const sent = request(`http://${address}${path}`, {
    method,
    headers: { ...(bytes && { 'content-type': 'application/json', 'content-length': bytes.length }), ...headers },
  });
  const answered = new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve).once('error', reject);
  });
  sent.end(bytes);
  const response = await answered;
  const received = await buffer(response);
  return { status: response.statusCode ?? 0, headers: response.headers, bytes: received, json: jsonOf(received) };
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
