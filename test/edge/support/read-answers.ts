/** An answer as it came on a connection. */
export interface RawAnswer {
  readonly status: number;
  /** The status line and the headers. */
  readonly head: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

/** Reads the whole answers of a connection of HTTP/1.1, to requests other than HEAD. Throws if something else is between them. */
export function readAnswers(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n');
    const head = rest.subarray(0, end).toString('latin1');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
    if (end < 0) break;
    if (Number.isNaN(status)) throw new Error(`not an answer: ${JSON.stringify(head.slice(0, 200))}`);
    const { body, after } = bodyOf(head, status, rest.subarray(end + 4)) ?? {};
    if (body === undefined || after === undefined) break;
    answers.push({ status, head, json: jsonOf(body) });
    rest = after;
  }
  return answers;
}

interface Body {
  readonly body: Buffer;
  readonly after: Buffer;
}

/** `undefined`: there is more to come. */
function bodyOf(head: string, status: number, bytes: Buffer): Body | undefined {
  if (status < 200 || status === 204 || status === 304) return { body: Buffer.alloc(0), after: bytes };
  const length = Number(/^content-length: (\d+)\r?$/im.exec(head)?.[1] ?? 0);
  if (/^transfer-encoding: chunked\r?$/im.test(head)) return bodyOfChunks(bytes);
  return bytes.length < length ? undefined : { body: bytes.subarray(0, length), after: bytes.subarray(length) };
}

function bodyOfChunks(bytes: Buffer): Body | undefined {
  const parts: Buffer[] = [];
  let rest = bytes;
  for (;;) {
    const start = rest.indexOf('\r\n') + 2;
    const length = Number.parseInt(rest.subarray(0, start).toString(), 16);
    if (start < 2 || rest.length < start + length + 2) return undefined;
    parts.push(rest.subarray(start, start + length));
    rest = rest.subarray(start + length + 2);
    if (length === 0) return { body: Buffer.concat(parts), after: rest };
  }
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
