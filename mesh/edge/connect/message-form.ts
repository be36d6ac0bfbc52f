import type { DescMethod } from '@bufbuild/protobuf';
import {
  parseTimeout as parseConnectTimeout,
  parseContentType as parseConnectType,
} from '@connectrpc/connect/protocol-connect';
import {
  parseTimeout as parseGrpcTimeout,
  parseContentType as parseWebType,
} from '@connectrpc/connect/protocol-grpc-web';

/** Where the message of a request is, how it is written, and which headers say more. */
export interface MessageForm extends ProtocolHeaders {
  /** `envelopes`: behind a flag and its length, as in streams and in gRPC-Web. */
  readonly place: 'query' | 'body' | 'envelopes';
  readonly isBinary: boolean;
}

interface ProtocolHeaders {
  /** How the message is compressed; in a query, the parameter `compression` says so. */
  readonly encoding: string;
  /** How messages of the answer may be compressed. */
  readonly acceptEncoding: string;
  readonly timeout: string;
  /** Returns the milliseconds of a timeout; `undefined` if it is malformed. */
  readonly parseTimeout: (value: string) => number | undefined;
}

const connectTimeout = {
  timeout: 'connect-timeout-ms',
  parseTimeout: (value: string) => parseConnectTimeout(value, Number.MAX_SAFE_INTEGER).timeoutMs,
};
const connectUnary = { ...connectTimeout, encoding: 'content-encoding', acceptEncoding: 'accept-encoding' };
const connectStream = {
  ...connectTimeout,
  encoding: 'connect-content-encoding',
  acceptEncoding: 'connect-accept-encoding',
};
const grpcWeb = {
  timeout: 'grpc-timeout',
  parseTimeout: (value: string) => parseGrpcTimeout(value, Number.MAX_SAFE_INTEGER).timeoutMs,
  encoding: 'grpc-encoding',
  acceptEncoding: 'grpc-accept-encoding',
};

/** Returns the form of a GET; `undefined` if its parameter `encoding` is not valid. */
export function queryForm(query: URLSearchParams): MessageForm | undefined {
  const encoding = query.get('encoding');
  if (encoding !== 'json' && encoding !== 'proto') return undefined;
  return { ...connectUnary, place: 'query', isBinary: encoding === 'proto' };
}

/** Returns the form of a POST by its media type; `undefined` if the method cannot be called with it. */
export function bodyForm({ methodKind }: DescMethod, contentType: string): MessageForm | undefined {
  const web = parseWebType(contentType);
  if (web !== undefined) {
    // The library does not have the form in base64, which is for browsers without fetch.
    return web.text ? undefined : { ...grpcWeb, place: 'envelopes', isBinary: web.binary };
  }
  const type = parseConnectType(contentType);
  if (type === undefined || type.stream === (methodKind === 'unary')) return undefined;
  return type.stream
    ? { ...connectStream, place: 'envelopes', isBinary: type.binary }
    : { ...connectUnary, place: 'body', isBinary: type.binary };
}

/** Returns the media types with which a method can be called. */
export function mediaTypesOf({ methodKind }: DescMethod): readonly string[] {
  const connectTypes = methodKind === 'unary' ? ['json', 'proto'] : ['connect+json', 'connect+proto'];
  return [...connectTypes, 'grpc-web+proto', 'grpc-web+json'].map((type) => `application/${type}`);
}
