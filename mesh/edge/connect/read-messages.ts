import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { CompressedMessage, type ReceivedMessage } from '../../engines/native/grpc/compression.ts';
import { messageTooLarge } from '../../engines/native/grpc/errors.ts';
import { MessageParser } from '../../engines/native/grpc/message-parser.ts';
import { bodyTooLarge, malformedHttp } from '../errors.ts';
import { decompress } from '../semantics/content-coding.ts';
import type { MessageForm } from './message-form.ts';

/** The parts of a request that can carry its messages. */
export interface MessageSource {
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

/** How the messages of a request are written. */
export interface MessageCoding {
  readonly form: MessageForm;
  readonly encoding: string | undefined;
  /** The largest message, before and after decompression. */
  readonly maxBytes: number;
}

/** A message of a request. */
export interface SentMessage {
  /** Decompressed, if its compression is known. */
  readonly bytes: Buffer;
  /** Whether its compression is not known. */
  readonly isOpaque: boolean;
}

const protocolParameters = ['connect', 'encoding', 'compression', 'base64', 'message'];
const base64 = /^[\w+/-]*={0,2}$/;

/** Whether messages with this encoding can be read. */
export function isKnownEncoding(encoding: string | undefined): boolean {
  return encoding === undefined || encoding === 'identity' || encoding === 'gzip';
}

/**
 * Reads the messages of a request as they arrive. Throws RESOURCE_EXHAUSTED `MESSAGE_TOO_LARGE` before one is read that is too large, INTERNAL
 * `UNKNOWN_FLAG`, and INVALID_ARGUMENT `MALFORMED_HTTP` and `MALFORMED_CONTENT_ENCODING`.
 */
export async function* readMessages(coding: MessageCoding, source: MessageSource): AsyncGenerator<SentMessage, void> {
  switch (coding.form.place) {
    case 'query':
      yield await readWhole(readQuery(source.query), coding);
      return;
    case 'body':
      yield await readWhole(await readBody(source, coding.maxBytes), coding);
      return;
    case 'envelopes':
      yield* readEnvelopes(source, coding);
  }
}

function readQuery(query: URLSearchParams): Buffer {
  // With two, a proxy and the edge could each take another one.
  const repeated = protocolParameters.find((name) => query.getAll(name).length > 1);
  if (repeated !== undefined) throw malformedHttp({ problem: `its parameter "${repeated}" is given more than once` });
  const text = query.get('message') ?? '';
  if (query.get('base64') !== '1') return Buffer.from(text);
  if (!base64.test(text)) throw malformedHttp({ problem: 'its parameter "message" is not in base64' });
  return Buffer.from(text, 'base64url');
}

async function readBody({ headers, body }: MessageSource, maxBytes: number): Promise<Buffer> {
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw messageTooLarge({ maxBytes });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunksOf(body)) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw messageTooLarge({ maxBytes });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function* readEnvelopes({ body }: MessageSource, coding: MessageCoding): AsyncGenerator<SentMessage, void> {
  const arrived: ReceivedMessage[] = [];
  const parser = new MessageParser(coding.maxBytes, (message) => arrived.push(message));
  for await (const chunk of chunksOf(body)) {
    parser.push(chunk, 0, chunk.length);
    for (const message of arrived.splice(0)) {
      if (!(message instanceof CompressedMessage)) yield { bytes: message, isOpaque: false };
      else if (coding.encoding === 'gzip') yield await readWhole(message.bytes, coding);
      else yield { bytes: message.bytes, isOpaque: true };
    }
  }
  if (parser.midway) throw malformedHttp({ problem: 'its body ends within a message' });
}

/** The connection stays open when the rest of a body is not read: it is needed for the answer. */
function chunksOf(body: Readable): AsyncIterable<Buffer> {
  return body.iterator({ destroyOnReturn: false });
}

/** Decompresses a message. The protocols let an empty one be as it is. */
async function readWhole(bytes: Buffer, { encoding, maxBytes }: MessageCoding): Promise<SentMessage> {
  if (bytes.length === 0) return { bytes, isOpaque: false };
  try {
    return { bytes: await decompress(bytes, encoding, maxBytes), isOpaque: false };
  } catch (error) {
    throw bodyTooLarge.is(error) ? messageTooLarge({ maxBytes }) : error;
  }
}
