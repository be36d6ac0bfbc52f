import { deflateSync, gzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { Flag } from '../../../mesh/engines/native/http2/codec/frames.ts';
import { data, headers, message } from '../../attacks/support/frames.ts';
import { call, type Fields, requestBlock, withBody } from './requests.ts';
import type { ServerRule } from './server-rule.ts';

const a = Buffer.from('a');
const one = message(a);
const encodings = { 'grpc-accept-encoding': 'identity,gzip,deflate' };
const unary = { ':path': '/rules/unary' };
const clientStreaming = { ':path': '/rules/client-streaming' };
const bidiStreaming = { ':path': '/rules/bidi-streaming' };
const serverStreaming = { ':path': '/rules/server-streaming' };

const noMessage = { outcome: 'UNIMPLEMENTED', because: 'to grpc-js, such a request has no message' };

function ends(rule: string, outcome: string, changes: Fields): ServerRule {
  return { rule, send: call(changes), outcome };
}

/** gRPC's PROTOCOL-HTTP2.md, for requests and how servers answer them. */
export const grpcServerRules: readonly ServerRule[] = [
  ...['GET', 'PUT', 'DELETE', 'HEAD'].map((method) =>
    ends(`Method: ${method} is not POST`, 'HTTP 405', { ':method': method }),
  ),
  ends('Path: an unknown service is UNIMPLEMENTED', 'UNIMPLEMENTED', { ':path': '/none/unary' }),
  ends('Path: an unknown method is UNIMPLEMENTED', 'UNIMPLEMENTED', { ':path': '/rules/none' }),
  ends('Path: names are case-sensitive', 'UNIMPLEMENTED', { ':path': '/rules/Unary' }),
  {
    ...ends('Path: it begins with a slash', 'UNIMPLEMENTED', { ':path': 'rules/unary' }),
    grpcJs: { outcome: 'RST_STREAM PROTOCOL_ERROR', because: 'nghttp2 treats it as malformed' },
  },
  ...['application/grpc', 'application/grpc+proto', 'application/grpc; charset=utf-8', 'Application/GRPC'].map((type) =>
    ends(`Content-Type: ${type} is gRPC`, 'OK', { 'content-type': type }),
  ),
  ...['application/grpc+json', 'application/grpcx', 'application/grpc-web', 'application/json', ''].map((type) =>
    ends(`Content-Type: "${type}" is not supported`, 'HTTP 415', { 'content-type': type }),
  ),
  ends('Content-Type: it is required', 'HTTP 415', { 'content-type': undefined }),
  ...['1H', '1M', '1S', '100m', '99999999u', '99999999n', '99999999H', '01S'].map((timeout) =>
    ends(`Timeout: ${timeout} is valid`, 'OK', { 'grpc-timeout': timeout }),
  ),
  ...['', '1', 'S', '-1S', '1.5S', '1s', '1 S', '123456789S', '1Sx'].map((timeout) =>
    ends(`Timeout: "${timeout}" is not valid`, 'INVALID_ARGUMENT', { 'grpc-timeout': timeout }),
  ),
  {
    rule: 'Timeout: the server ends the call when it has passed',
    send: headers(1, requestBlock({ 'grpc-timeout': '50m', ...clientStreaming })),
    outcome: 'DEADLINE_EXCEEDED',
  },
  {
    rule: 'Message-Encoding: one that is not supported is UNIMPLEMENTED, and the answer lists the supported ones',
    send: call({ 'grpc-encoding': 'snail' }),
    outcome: 'UNIMPLEMENTED',
    fields: { 'grpc-accept-encoding': expect.stringContaining('gzip') },
  },
  ends('Message-Encoding: identity compresses nothing', 'OK', { 'grpc-encoding': 'identity' }),
  ends('Message-Encoding: messages need not be compressed', 'OK', { 'grpc-encoding': 'gzip' }),
  {
    rule: 'Message-Encoding: gzip',
    send: withBody({ 'grpc-encoding': 'gzip' }, message(gzipSync(a), undefined, 1)),
    outcome: 'OK',
  },
  {
    rule: 'Message-Encoding: deflate',
    send: withBody({ 'grpc-encoding': 'deflate' }, message(deflateSync(a), undefined, 1)),
    outcome: 'OK',
  },
  {
    rule: 'Message-Encoding: each message is compressed by itself, or not at all',
    send: withBody({ 'grpc-encoding': 'gzip', ...clientStreaming }, message(gzipSync(a), undefined, 1), one),
    outcome: 'OK',
  },
  ends('Message-Accept-Encoding: one that is not supported is ignored', 'OK', { 'grpc-accept-encoding': 'snail' }),
  {
    rule: 'Compressed-Flag: 1 without an encoding is INTERNAL',
    send: withBody(encodings, message(gzipSync(a), undefined, 1)),
    outcome: 'INTERNAL',
  },
  {
    rule: 'Compressed-Flag: 1 with the encoding identity is INTERNAL',
    send: withBody({ 'grpc-encoding': 'identity' }, message(a, undefined, 1)),
    outcome: 'INTERNAL',
  },
  ...[2, 3, 128, 255].map((flag) => ({
    rule: `Compressed-Flag: ${flag} is not valid`,
    send: withBody({ 'grpc-encoding': 'gzip' }, message(a, undefined, flag)),
    outcome: 'INTERNAL',
  })),
  {
    rule: 'Message: one that cannot be decompressed is INTERNAL',
    send: withBody({ 'grpc-encoding': 'gzip' }, message(a, undefined, 1)),
    outcome: 'INTERNAL',
  },
  {
    rule: 'Message: one above the limit is RESOURCE_EXHAUSTED',
    send: call({}, 'x'.repeat(1_001)),
    outcome: 'RESOURCE_EXHAUSTED',
  },
  {
    rule: 'Message: the limit counts decompressed bytes',
    send: withBody({ 'grpc-encoding': 'gzip' }, message(gzipSync('x'.repeat(1_001)), undefined, 1)),
    outcome: 'RESOURCE_EXHAUSTED',
  },
  { rule: 'Message: one may be empty', send: call({}, ''), outcome: 'OK' },
  {
    rule: 'Message: frames of HTTP/2 and messages have no common borders',
    send: Buffer.concat([
      headers(1, requestBlock(clientStreaming)),
      ...[Buffer.concat([one, one.subarray(0, 3)]), Buffer.concat([one.subarray(3), one])].map((part) => data(1, part)),
      data(1, Buffer.alloc(0), Flag.END_STREAM),
    ]),
    outcome: 'OK',
  },
  ...[clientStreaming, bidiStreaming, unary, serverStreaming].flatMap((method) => [
    {
      rule: `Message: a request of ${method[':path']} that ends within a message is INTERNAL`,
      send: withBody(method, one.subarray(0, 5)),
      outcome: 'INTERNAL',
      ...(method === unary || method === serverStreaming ? { grpcJs: noMessage } : {}),
    },
    {
      rule: `Message: a request of ${method[':path']} that ends within a prefix is INTERNAL`,
      send: withBody(method, one.subarray(0, 3)),
      outcome: 'INTERNAL',
      ...(method === unary || method === serverStreaming ? { grpcJs: noMessage } : {}),
    },
  ]),
  ...[unary, serverStreaming].flatMap((method) => [
    {
      rule: `Cardinality: ${method[':path']} takes one message, not none`,
      send: withBody(method),
      outcome: 'UNIMPLEMENTED',
    },
    {
      rule: `Cardinality: ${method[':path']} takes one message, not none, if no body comes`,
      send: headers(1, requestBlock(method), Flag.END_STREAM),
      outcome: 'UNIMPLEMENTED',
    },
    {
      rule: `Cardinality: ${method[':path']} takes one message, not two`,
      send: withBody(method, one, one),
      outcome: 'UNIMPLEMENTED',
    },
  ]),
  ...[clientStreaming, bidiStreaming].flatMap((method) => [
    { rule: `Cardinality: ${method[':path']} takes no message`, send: withBody(method), outcome: 'OK' },
    { rule: `Cardinality: ${method[':path']} takes two messages`, send: withBody(method, one, one), outcome: 'OK' },
  ]),
  {
    rule: 'Responses: the header has :status 200 and a content-type',
    send: call(),
    outcome: 'OK',
    fields: { ':status': '200', 'content-type': 'application/grpc+proto' },
  },
  {
    rule: 'Trailers: a status of OK has no text',
    send: call(),
    outcome: 'OK',
    fields: { 'grpc-message': undefined },
    grpcJs: { outcome: 'OK', because: 'grpc-js sends an empty text' },
  },
  {
    rule: 'Trailers: header and trailer metadata arrive with an error',
    send: call({}, 'fail'),
    outcome: 'INTERNAL',
    fields: { 'x-header': 'h', 'x-trailer': 't' },
  },
];
