import { Flag, FrameType } from '../../../mesh/engines/native/http2/codec/frames.ts';
import { literalFields } from '../../../mesh/engines/native/http2/codec/literal-fields.ts';
import { data, frame, headers, message, uint32 } from '../../attacks/support/frames.ts';
import { blockOf, call, type Fields, requestBlock, withBody, withTrailers } from './requests.ts';
import type { ServerRule } from './server-rule.ts';

const one = message(Buffer.from('a'));
const malformed = 'RST_STREAM PROTOCOL_ERROR';

/** nghttp2, used by grpc-js, removes some invalid fields and ignores them. */
const removed = { outcome: 'OK', because: 'nghttp2 removes the field' };

function refuses(rule: string, changes: Fields, grpcJs?: ServerRule['grpcJs']): ServerRule {
  return { rule, send: call(changes), outcome: malformed, ...(grpcJs && { grpcJs }) };
}

function accepts(rule: string, changes: Fields): ServerRule {
  return { rule, send: call(changes), outcome: 'OK' };
}

/** A request whose fields come in this order. */
function ordered(...fields: readonly string[]): Buffer {
  return Buffer.concat([headers(1, literalFields(fields)), data(1, one, Flag.END_STREAM)]);
}

const pseudo = [':method', 'POST', ':scheme', 'http', ':path', '/rules/unary'];
const grpc = ['te', 'trailers', 'content-type', 'application/grpc'];

/** RFC 9113 section 8, for what a client sends. */
export const http2ServerRules: readonly ServerRule[] = [
  { rule: '8.1: a request has a header and a body', send: call(), outcome: 'OK' },
  { rule: '8.1: a request may have trailers', send: withTrailers({ 'x-trailer': 't' }), outcome: 'OK' },
  { rule: '8.1: trailers end the stream', send: withTrailers({ 'x-trailer': 't' }, 0), outcome: malformed },
  {
    rule: '8.1: a body may come in frames of any size, even empty ones',
    send: Buffer.concat([
      headers(1, requestBlock()),
      ...[...one].map((byte) => data(1, Buffer.of(byte))),
      data(1, Buffer.alloc(0)),
      data(1, Buffer.alloc(0), Flag.END_STREAM),
    ]),
    outcome: 'OK',
  },
  {
    rule: '8.1: frames of an unknown type may come between those of a message',
    send: Buffer.concat([headers(1, requestBlock()), frame(0xfa, 0, 1, Buffer.of(1)), data(1, one, Flag.END_STREAM)]),
    outcome: 'OK',
  },
  {
    rule: '8.1: a server may answer before the request is complete',
    send: headers(1, requestBlock({ ':path': '/rules/None' })),
    outcome: 'UNIMPLEMENTED',
  },
  refuses(
    '8.1.1: content-length is the length of the body, not less',
    { 'content-length': '5' },
    { outcome: 'GOAWAY INTERNAL_ERROR', because: 'nghttp2 ends the connection' },
  ),
  refuses('8.1.1: content-length is the length of the body, not more', { 'content-length': '7' }),
  accepts('8.1.1: content-length may be given', { 'content-length': '6' }),
  {
    rule: '8.1.1: content-length counts if there is no body',
    send: headers(1, requestBlock({ 'content-length': '6' }), Flag.END_STREAM),
    outcome: malformed,
  },
  {
    rule: '8.1.1: content-length counts if trailers end the body',
    send: Buffer.concat([
      headers(1, requestBlock({ 'content-length': '7' })),
      data(1, one),
      headers(1, blockOf({ 'x-trailer': 't' }), Flag.END_STREAM),
    ]),
    outcome: malformed,
  },
  refuses('8.1.1: content-length is a number', { 'content-length': 'six' }),
  refuses('8.1.1: content-length has one value', { 'content-length': ['6', '7'] }),
  refuses('8.2.1: a field name has no upper-case letter', { 'X-Upper': 'a' }),
  refuses('8.2.1: a field name has no blank', { 'x upper': 'a' }, removed),
  refuses('8.2.1: a field name has no control character', { 'x\u0001': 'a' }, removed),
  refuses('8.2.1: a field name has only ASCII', { 'x\u00e4': 'a' }, removed),
  refuses('8.2.1: a field name has no colon, except at the start of a pseudo-field', { 'x:y': 'a' }, removed),
  refuses('8.2.1: a field name is not empty', { '': 'a' }, removed),
  refuses('8.2.1: a field value has no NUL', { 'x-value': 'a\u0000b' }, removed),
  refuses('8.2.1: a field value has no LF', { 'x-value': 'a\nb' }, removed),
  refuses('8.2.1: a field value has no CR', { 'x-value': 'a\rb' }, removed),
  refuses('8.2.1: the value of a pseudo-field has no LF', { ':authority': 'a\nb' }),
  accepts('8.2.1 (not enforced, because gRPC clients send such metadata): a field value begins or ends with a blank', {
    'x-value': ' a ',
  }),
  accepts('8.2.1: a field value may have bytes above ASCII', { 'x-value': '\u00ff' }),
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map((name) =>
    refuses(`8.2.2: ${name} is a field of HTTP/1.1`, { [name]: 'a' }),
  ),
  refuses('8.2.2: te is "trailers"', { te: 'gzip' }),
  accepts('8.2.2: te may be missing', { te: undefined }),
  {
    rule: '8.2.3: a cookie may be split into several fields',
    send: call({ cookie: ['a=b', 'c=d'] }, 'seen'),
    outcome: 'OK',
  },
  refuses('8.3: there are no unknown pseudo-fields', { ':unknown': 'a' }),
  refuses('8.3: a request has no pseudo-field of responses', { ':status': '200' }),
  refuses('8.3: a pseudo-field comes only once', { ':path': ['/rules/unary', '/rules/unary'] }),
  {
    rule: '8.3: pseudo-fields come before other fields',
    send: ordered(':method', 'POST', ':scheme', 'http', 'te', 'trailers', ':path', '/rules/unary'),
    outcome: malformed,
  },
  { rule: '8.3: trailers have no pseudo-field', send: withTrailers({ ':method': 'POST' }), outcome: malformed },
  ...[':method', ':scheme', ':path'].map((name) => refuses(`8.3.1: a request has a ${name}`, { [name]: undefined })),
  refuses('8.3.1: the path is not empty', { ':path': '' }),
  {
    rule: '8.3.1: a request may have no :authority',
    send: ordered(...pseudo, ...grpc),
    outcome: 'OK',
    grpcJs: { outcome: malformed, because: 'nghttp2 demands an authority or host' },
  },
  { rule: '8.3.1: host may stand for :authority', send: ordered(...pseudo, ...grpc, 'host', 'rules'), outcome: 'OK' },
  accepts('8.3.1: the scheme may be any', { ':scheme': 'https' }),
  {
    rule: '8.4: a client sends no PUSH_PROMISE',
    send: Buffer.concat([
      headers(1, requestBlock()),
      frame(FrameType.PUSH_PROMISE, Flag.END_HEADERS, 1, Buffer.concat([uint32(2), requestBlock()])),
    ]),
    outcome: 'GOAWAY PROTOCOL_ERROR',
  },
  {
    rule: '8.5: CONNECT, which is not supported, has only an authority',
    send: withBody({ ':method': 'CONNECT', ':scheme': undefined, ':path': undefined }, one),
    outcome: 'HTTP 405',
  },
  refuses('8.5: CONNECT has no scheme and no path', { ':method': 'CONNECT' }),
  refuses('8.5: CONNECT has an authority', {
    ':method': 'CONNECT',
    ':scheme': undefined,
    ':path': undefined,
    ':authority': undefined,
  }),
  accepts('8.8.5: a request may expect 100-continue and send its body anyway', { expect: '100-continue' }),
  {
    rule: '8.8.5: a request that expects 100-continue gets it before its body',
    send: headers(1, requestBlock({ expect: '100-continue' })),
    sendAfterHeader: data(1, one, Flag.END_STREAM),
    outcome: 'OK',
  },
];
