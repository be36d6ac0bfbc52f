/** The answer to a request over HTTP/1.1. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
  /** Whether the body was there to its end. */
  readonly isWhole: boolean;
}

/** Reads all that a server sent before it closed the connection. Throws if it is not an answer. */
export function readAnswer(bytes: Buffer, isToHead: boolean): HttpAnswer {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) throw new Error(`not an answer: ${JSON.stringify(bytes.toString('latin1'))}`);
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers = new Map(lines.map(readHeader));
  const { body, isWhole } = isToHead ? none : readBody(headers, bytes.subarray(end + 4));
  return { status: Number(statusLine.split(' ')[1]), headers, text: body.toString(), isWhole };
}

interface Body {
  readonly body: Buffer;
  readonly isWhole: boolean;
}

const none: Body = { body: Buffer.alloc(0), isWhole: true };

function readHeader(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function readBody(headers: ReadonlyMap<string, string>, content: Buffer): Body {
  if (headers.get('transfer-encoding') === 'chunked') return joinChunks(content);
  const length = Number(headers.get('content-length') ?? content.length);
  return { body: content, isWhole: content.length === length };
}

function joinChunks(content: Buffer): Body {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = content.indexOf('\r\n', at);
    const length = end < 0 ? Number.NaN : Number.parseInt(content.subarray(at, end).toString('latin1'), 16);
    const isLast = !(length > 0);
    if (isLast) return { body: Buffer.concat(chunks), isWhole: length === 0 };
    chunks.push(content.subarray(end + 2, end + 2 + length));
    at = end + 4 + length;
  }
}
