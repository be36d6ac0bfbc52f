import { Flag, FrameType } from '../../../mesh/engines/native/http2/codec/frames.ts';
import { frame, goaway, message, reset, uint32 } from '../../attacks/support/frames.ts';
import type { ClientRule } from './client-rule.ts';
import { blockOf, type Fields } from './requests.ts';
import { all, block, body, header, type Part, text, trailers, trailersOnly } from './responses.ts';

const okay = all(header(), text('a'), trailers());
const malformed = { outcome: 'INTERNAL', sends: 'RST_STREAM PROTOCOL_ERROR' };

function refuses(rule: string, answer: Part, grpcJs?: ClientRule['grpcJs']): ClientRule {
  return { rule, answer, ...malformed, ...(grpcJs && { grpcJs }) };
}

function accepts(rule: string, answer: ClientRule['answer']): ClientRule {
  return { rule, answer, outcome: 'OK', messages: ['a'] };
}

/** A complete response with these fields in its header. */
function withHeader(changes: Fields): Part {
  return all(header(changes), text('a'), trailers());
}

const push: Part = (id) =>
  frame(FrameType.PUSH_PROMISE, Flag.END_HEADERS, id, Buffer.concat([uint32(2), blockOf({ ':method': 'GET' })]));

const withTrailer = (fields: Fields) => all(header(), text('a'), trailers({ 'grpc-status': '0', ...fields }));

/** nghttp2, used by grpc-js, removes some invalid fields and ignores them. */
const ended = { outcome: 'INTERNAL', because: 'nghttp2 ends the connection' };
const removed = { outcome: 'OK', messages: ['a'], because: 'nghttp2 removes the field' };

/** RFC 9113 section 8, for what a server sends. */
export const http2ClientRules: readonly ClientRule[] = [
  accepts('8.1: a response has a header, a body and trailers', okay),
  accepts(
    '8.1: informational responses may come before it',
    all(block({ ':status': '100' }), block({ ':status': '103', link: '</a>' }), okay),
  ),
  refuses('8.1: an informational response does not end the stream', block({ ':status': '100' }, Flag.END_STREAM)),
  refuses('8.1: a body comes after a header', all(text('a'), trailers()), ended),
  refuses('8.1: a body comes after a final header', all(block({ ':status': '100' }), text('a'), trailers()), ended),
  refuses('8.1: trailers end the stream', all(header(), text('a'), block({ 'grpc-status': '0' }))),
  accepts(
    '8.1: a body may come in frames of any size, even empty ones',
    all(
      header(),
      ...[...message(Buffer.from('a'))].map((byte) => body(Buffer.of(byte))),
      body(Buffer.alloc(0)),
      trailers(),
    ),
  ),
  accepts(
    '8.1: frames of an unknown type may come between those of a message',
    all(header(), (id) => frame(0xfa, 0, id, Buffer.of(1)), text('a'), trailers()),
  ),
  {
    ...accepts(
      '8.1: a response counts if the server resets the stream after it with NO_ERROR',
      all(okay, (id) => reset(id, 0)),
    ),
    kind: 'client-streaming',
  },
  {
    ...accepts('8.1: a response counts if it came before the end of the request', okay),
    kind: 'bidi-streaming',
  },
  refuses('8.1.1: content-length is the length of the body, not less', withHeader({ 'content-length': '5' }), ended),
  refuses('8.1.1: content-length is the length of the body, not more', withHeader({ 'content-length': '7' })),
  refuses('8.1.1: content-length is a number', withHeader({ 'content-length': 'six' })),
  refuses(
    '8.1.1: content-length counts if there is no body',
    trailersOnly({ 'content-length': '6', 'grpc-status': '0' }),
  ),
  accepts('8.1.1: content-length may be given', withHeader({ 'content-length': '6' })),
  refuses('8.2.1: a field name has no upper-case letter', withHeader({ 'X-Upper': 'a' })),
  refuses('8.2.1: a field name has no blank', withHeader({ 'x upper': 'a' }), removed),
  refuses('8.2.1: a field value has no LF', withHeader({ 'x-value': 'a\nb' }), removed),
  refuses('8.2.1: a field value has no NUL', withHeader({ 'x-value': 'a\u0000b' }), removed),
  refuses('8.2.1: a field name in trailers has no upper-case letter', withTrailer({ 'X-Upper': 'a' })),
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map((name) =>
    refuses(`8.2.2: ${name} is a field of HTTP/1.1`, withHeader({ [name]: 'a' })),
  ),
  refuses('8.2.2: trailers have no field of HTTP/1.1', withTrailer({ connection: 'close' })),
  refuses('8.3: there are no unknown pseudo-fields', withHeader({ ':status': '200', ':unknown': 'a' })),
  refuses(
    '8.3: a response has no pseudo-field of requests',
    all(block({ ':status': '200', ':path': '/' }), text('a'), trailers()),
  ),
  refuses(
    '8.3: trailers have no pseudo-field',
    all(header(), text('a'), block({ ':status': '200', 'grpc-status': '0' }, Flag.END_STREAM)),
  ),
  refuses(
    '8.3: pseudo-fields come before other fields',
    all(block({ 'content-type': 'application/grpc', ':status': '200' }), text('a'), trailers()),
  ),
  refuses('8.3.2: a response has a :status', all(block({ 'content-type': 'application/grpc' }), text('a'), trailers())),
  refuses('8.3.2: the :status has three digits', withHeader({ ':status': '20' })),
  refuses('8.3.2: the :status comes only once', withHeader({ ':status': ['200', '200'] })),
  {
    rule: '8.4: no PUSH_PROMISE comes, because the client has disabled it',
    answer: all(push, okay),
    outcome: 'UNAVAILABLE',
    sends: 'GOAWAY PROTOCOL_ERROR',
    grpcJs: { outcome: 'OK', messages: ['a'], because: 'nghttp2 refuses only the pushed stream' },
  },
  refuses('8.6: there is no upgrade, so no response of 101', all(block({ ':status': '101' }), okay)),
  accepts('8.7: a request that was refused is sent again', (id) => (id === 1 ? reset(1, 7) : okay(id))),
  accepts('8.7: a request above the last stream of GOAWAY is sent again', (id, connection) =>
    connection === 1 ? goaway(0, 0) : okay(id),
  ),
];
