/** Bytes that a hostile or broken client sends, and what the edge has to answer. */
export interface Attack {
  readonly name: string;
  /** A whole connection, up to its end. Texts are latin1. */
  readonly bytes: string | Buffer;
  /** The statuses of all answers, in their order. */
  readonly answers: readonly number[];
  /** The reason of the last answer, or the field of its first violation. Default: not looked at. */
  readonly says?: string;
  /** Whether the client ends its side after the bytes. */
  readonly ends?: boolean;
}

/** An attack on one request, which is answered with one status. */
export function attack(name: string, bytes: string | Buffer, status: number, says?: string): Attack {
  return { name, bytes, answers: [status], ...(says !== undefined && { says }) };
}

/** A request without a body. Headers are lines. */
export function get(target: string, ...headers: readonly string[]): string {
  return request(`GET ${target} HTTP/1.1`, ['host: a', ...headers]);
}

/** A request to create a user, with this body and its length. */
export function post(body: string | Buffer, ...headers: readonly string[]): Buffer {
  return postTo('/api/users', body, ...headers);
}

/** A POST of JSON, with its length. A text is sent in UTF-8. */
export function postTo(target: string, body: string | Buffer, ...headers: readonly string[]): Buffer {
  const bytes = Buffer.from(body as string);
  const all = ['host: a', 'content-type: application/json', `content-length: ${bytes.length}`, ...headers];
  return Buffer.concat([Buffer.from(request(`POST ${target} HTTP/1.1`, all), 'latin1'), bytes]);
}

/** A POST of JSON whose framing and body are as they are. */
export function postRaw(framing: readonly string[], rest: string): string {
  return request('POST /api/users HTTP/1.1', ['host: a', 'content-type: application/json', ...framing]) + rest;
}

/** A POST of JSON in chunks of this size. */
export function postChunked(body: string | Buffer, chunkBytes: number): Buffer {
  const bytes = Buffer.from(body as string);
  const parts: Buffer[] = [Buffer.from(postRaw(['transfer-encoding: chunked'], ''))];
  for (let start = 0; start < bytes.length; start += chunkBytes) {
    const chunk = bytes.subarray(start, start + chunkBytes);
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

export function request(line: string, headers: readonly string[]): string {
  return [line, ...headers, '', ''].join('\r\n');
}
