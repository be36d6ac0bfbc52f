import { isGrpcType } from './content-type.ts';
import type { CallRefusalReason } from './host-observer.ts';

/** The answer to a request that is not a gRPC call: an HTTP status and a text. */
export interface HttpRefusal {
  readonly status: number;
  readonly reason: CallRefusalReason;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for HEAD, whose answers have no body. */
  readonly text: string;
}

/** Returns how to answer a request that is not gRPC; `undefined` if it is. */
export function httpRefusalOf(method: string | undefined, contentType: string | undefined): HttpRefusal | undefined {
  if (method !== 'POST') {
    const text = method === 'HEAD' ? '' : 'this is a gRPC server: use POST, as a gRPC client does\n';
    return { status: 405, reason: 'method_not_allowed', headers: { allow: 'POST', ...plainText }, text };
  }
  if (isGrpcType(contentType ?? '')) return undefined;
  const text =
    'this is a gRPC server: use a gRPC client; content-type has to be application/grpc or application/grpc+proto\n';
  return { status: 415, reason: 'unsupported_media_type', headers: plainText, text };
}

const plainText = { 'content-type': 'text/plain; charset=utf-8' };

const http1Line = /^([A-Z]+) \S+ HTTP\/1\.[01]\r?\n/;
const partOfHttp1Line = /^[A-Z]+(?: \S*(?: [HTP/1.0]*\r?)?)?$/;
// Of the first bytes, which may be many, only the request line counts.
const maxLineBytes = 8 * 1024;

/** Collects the first bytes of a connection until they show whether it speaks HTTP/1. */
export class FirstBytes {
  #bytes: Buffer | undefined;

  /**
   * Adds bytes as they arrive. Returns all bytes, with the answer to them if they are a request of HTTP/1; `undefined` if they
   * are too few to know.
   */
  add(chunk: Buffer): { readonly bytes: Buffer; readonly http1Answer: string | undefined } | undefined {
    const bytes = this.#bytes === undefined ? chunk : Buffer.concat([this.#bytes, chunk]);
    const start = bytes.toString('latin1', 0, maxLineBytes);
    if (start.length < maxLineBytes && partOfHttp1Line.test(start)) {
      this.#bytes = bytes;
      return undefined;
    }
    this.#bytes = undefined;
    const method = http1Line.exec(start)?.[1];
    return { bytes, http1Answer: method === undefined ? undefined : http1AnswerTo(method) };
  }
}

function http1AnswerTo(method: string): string {
  const text = 'this is a gRPC server, which speaks only HTTP/2: use a gRPC client, such as grpcurl\n';
  const head = [
    'HTTP/1.1 505 HTTP Version Not Supported',
    'content-type: text/plain; charset=utf-8',
    `content-length: ${text.length}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${method === 'HEAD' ? '' : text}`;
}
