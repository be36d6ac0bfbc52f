import { createContextValues } from '@connectrpc/connect';
import type { UniversalServerRequest } from '@connectrpc/connect/protocol';
import type { FastifyRequest } from 'fastify';
import type { MessageForm } from './message-form.ts';
import { isKnownEncoding, type MessageCoding } from './read-messages.ts';
import { exchangeKey, type RpcExchange } from './rpc-exchange.ts';

type Head = Pick<FastifyRequest, 'method' | 'headers' | 'raw'>;

/** Returns the compression of a request's messages, by its headers or its query. */
export function encodingOf({ place, encoding }: MessageForm, { headers }: Head, query: URLSearchParams) {
  return place === 'query' ? (query.get('compression') ?? undefined) : (headers[encoding] as string | undefined);
}

/** Returns the milliseconds that a request allows its call; `undefined` without a timeout, or if it is malformed. */
export function timeoutMsOf({ timeout, parseTimeout }: MessageForm, { headers }: Head): number | undefined {
  const value = headers[timeout];
  return typeof value === 'string' ? parseTimeout(value) : undefined;
}

/**
 * Returns a request as the protocol library gets it: with only the headers of the protocol. One that the edge has understood is left
 * out; the library refuses the others, each in the way of its protocol.
 */
export function protocolRequest(
  request: Head,
  path: string,
  { form, encoding }: MessageCoding,
  exchange: RpcExchange,
): UniversalServerRequest {
  const { headers, raw } = request;
  const query = new URLSearchParams();
  const header = new Headers();
  if (form.place === 'query') {
    query.set('connect', exchange.protocolVersion ?? 'v1');
    query.set('encoding', form.isBinary ? 'proto' : 'json');
    query.set('message', exchange.placeholder);
  } else {
    header.set('connect-protocol-version', exchange.protocolVersion ?? '1');
    header.set('content-type', headers['content-type'] ?? '');
  }
  if (encoding !== undefined && !isKnownEncoding(encoding)) {
    header.set(form.encoding, encoding);
    query.set('compression', encoding);
  }
  // Who compresses a request understands that of an answer.
  const accepted = headers[form.acceptEncoding] ?? encoding;
  if (accepted !== undefined) header.set(form.acceptEncoding, String(accepted));
  const timeout = headers[form.timeout];
  if (timeout !== undefined && timeoutMsOf(form, request) === undefined) header.set(form.timeout, String(timeout));
  return {
    httpVersion: raw.httpVersion,
    method: form.place === 'query' ? 'GET' : 'POST',
    url: `http://edge${path}?${query}`,
    header,
    body: exchange.body(),
    signal: exchange.call.signal,
    contextValues: createContextValues().set(exchangeKey, exchange),
  };
}
