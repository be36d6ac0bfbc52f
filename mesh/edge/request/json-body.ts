import { isUtf8 } from 'node:buffer';
import type { FastifyRequest } from 'fastify';
import { malformedHttp, unsupportedMediaType } from '../errors.ts';
import { maxBodyBytes } from '../http-faults.ts';
import { isUtf8Type } from '../request-head.ts';
import { decompress } from '../semantics/content-coding.ts';

/**
 * Returns the text of a body. Rejects with `UNSUPPORTED_MEDIA_TYPE` and `MALFORMED_HTTP` if it is not UTF-8, and with the errors of
 * `decompress`.
 */
export async function jsonBody({ call, headers }: FastifyRequest, sent: Buffer): Promise<string> {
  const { 'content-type': type = '', 'content-encoding': coding } = headers;
  if (!isUtf8Type(type)) throw unsupportedMediaType();
  const bytes = coding === undefined ? sent : await decompress(sent, coding, maxBodyBytes);
  if (!isUtf8(bytes)) throw malformedHttp({ problem: 'the body is not UTF-8' });
  call.requestBytes = bytes.length;
  return bytes.toString();
}
