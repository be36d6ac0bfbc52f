import { deflateSync, gzipSync } from 'node:zlib';
import { Flag } from '../../../mesh/engines/native/http2/codec/frames.ts';
import { message, reset } from '../../attacks/support/frames.ts';
import type { ClientRule } from './client-rule.ts';
import type { Fields } from './requests.ts';
import { all, block, body, header, type Part, text, trailers, trailersOnly } from './responses.ts';

const a = Buffer.from('a');
const gzipped = body(message(gzipSync(a), undefined, 1));

function ends(rule: string, outcome: string, answer: Part): ClientRule {
  return { rule, outcome, answer };
}

function succeeds(rule: string, answer: Part): ClientRule {
  return { rule, outcome: 'OK', messages: ['a'], answer };
}

/** What a stream of responses delivers, and how it ends. */
function streams(rule: string, messages: readonly string[], outcome: string, ...parts: readonly Part[]): ClientRule {
  return { rule, kind: 'server-streaming', messages, outcome, answer: all(...parts) };
}

const statusAfterMessage = (fields: Fields) => all(header(), text('a'), trailers(fields));
const encoded = (encoding: string | undefined, ...parts: readonly Part[]) =>
  all(header({ 'grpc-encoding': encoding }), ...parts, trailers());

const statusesOfHttp = {
  '400': 'INTERNAL',
  '401': 'UNAUTHENTICATED',
  '403': 'PERMISSION_DENIED',
  '404': 'UNIMPLEMENTED',
  '405': 'UNKNOWN',
  '418': 'UNKNOWN',
  '429': 'UNAVAILABLE',
  '500': 'UNKNOWN',
  '502': 'UNAVAILABLE',
  '503': 'UNAVAILABLE',
  '504': 'UNAVAILABLE',
} as const;

const statusesOfResets = [
  ['NO_ERROR', 0, 'INTERNAL'],
  ['PROTOCOL_ERROR', 1, 'INTERNAL'],
  ['INTERNAL_ERROR', 2, 'INTERNAL'],
  ['FLOW_CONTROL_ERROR', 3, 'INTERNAL'],
  ['FRAME_SIZE_ERROR', 6, 'INTERNAL'],
  ['REFUSED_STREAM', 7, 'UNAVAILABLE'],
  ['CANCEL', 8, 'CANCELLED'],
  ['COMPRESSION_ERROR', 9, 'INTERNAL'],
  ['CONNECT_ERROR', 10, 'INTERNAL'],
  ['ENHANCE_YOUR_CALM', 11, 'RESOURCE_EXHAUSTED'],
  ['INADEQUATE_SECURITY', 12, 'PERMISSION_DENIED'],
] as const;

/** gRPC's PROTOCOL-HTTP2.md and http-grpc-status-mapping.md, for responses. */
export const grpcClientRules: readonly ClientRule[] = [
  succeeds('Response: a header, a message and a status', statusAfterMessage({ 'grpc-status': '0' })),
  ...Object.entries(statusesOfHttp).flatMap(([status, outcome]) => [
    ends(
      `HTTP-Status: ${status} without a gRPC status is ${outcome}`,
      outcome,
      block({ ':status': status, 'content-type': 'text/html' }, Flag.END_STREAM),
    ),
    ends(
      `HTTP-Status: ${status} with a page is ${outcome}`,
      outcome,
      all(block({ ':status': status, 'content-type': 'text/html' }), body(Buffer.from('<html>'), Flag.END_STREAM)),
    ),
  ]),
  ends('HTTP-Status: a gRPC status counts more', 'DATA_LOSS', trailersOnly({ ':status': '503', 'grpc-status': '15' })),
  ...['application/grpc', 'application/grpc+proto', 'application/grpc; charset=utf-8'].map((type) =>
    succeeds(`Content-Type: ${type} is gRPC`, all(header({ 'content-type': type }), text('a'), trailers())),
  ),
  ...['application/grpc+json', 'application/grpcx', 'text/html', undefined].map((type) =>
    ends(
      `Content-Type: ${type ?? 'none'} is UNKNOWN`,
      'UNKNOWN',
      all(header({ 'content-type': type }), text('a'), trailers()),
    ),
  ),
  {
    ...ends(
      'Trailers-Only: an error',
      'NOT_FOUND',
      trailersOnly({ 'grpc-status': '5', 'grpc-message': 'no %E2%82%AC' }),
    ),
    text: 'no €',
  },
  streams('Trailers-Only: OK of a stream', [], 'OK', trailersOnly({ 'grpc-status': '0' })),
  ends('Trailers-Only: it has a status', 'UNKNOWN', trailersOnly({})),
  ends(
    'Trailers-Only: the status of a header counts only if it ends the stream, not if a message follows',
    'INTERNAL',
    all(header({ 'grpc-status': '0' }), text('a', Flag.END_STREAM)),
  ),
  ends(
    'Trailers-Only: the status of a header counts only if it ends the stream, not if an empty body follows',
    'INTERNAL',
    all(header({ 'grpc-status': '5' }), body(Buffer.alloc(0), Flag.END_STREAM)),
  ),
  ends(
    'Trailers-Only: the status of a header does not replace that of trailers',
    'UNKNOWN',
    all(header({ 'grpc-status': '0' }), text('a'), trailers({ 'x-trailer': 't' })),
  ),
  succeeds(
    'Trailers-Only: the status of trailers counts more than that of a header',
    all(header({ 'grpc-status': '5' }), text('a'), trailers()),
  ),
  ends('Trailers: they are required', 'INTERNAL', all(header(), text('a', Flag.END_STREAM))),
  ends('Trailers: they have a status', 'UNKNOWN', statusAfterMessage({ 'x-trailer': 't' })),
  streams('Trailers: a stream needs them', ['a'], 'INTERNAL', header(), text('a', Flag.END_STREAM)),
  streams('Trailers: those of a stream have a status', ['a'], 'UNKNOWN', header(), text('a'), trailers({})),
  ...['-1', '17', '1e1', '0x0', 'OK', ''].map((status) =>
    ends(`Status: "${status}" is UNKNOWN`, 'UNKNOWN', statusAfterMessage({ 'grpc-status': status })),
  ),
  ends('Status: an error counts more than a message', 'ABORTED', statusAfterMessage({ 'grpc-status': '10' })),
  streams(
    'Status: messages count before an error',
    ['a', 'b'],
    'ABORTED',
    header(),
    text('a'),
    text('b'),
    trailers({ 'grpc-status': '10' }),
  ),
  {
    ...ends(
      'Status-Message: it is percent-encoded',
      'ABORTED',
      statusAfterMessage({ 'grpc-status': '10', 'grpc-message': '100%25 %C3%BC' }),
    ),
    text: '100% ü',
  },
  {
    ...ends(
      'Status-Message: what is not valid stays',
      'ABORTED',
      statusAfterMessage({ 'grpc-status': '10', 'grpc-message': '100% %zz' }),
    ),
    text: '100% %zz',
  },
  ends('Cardinality: a unary call gets one message, not none', 'UNIMPLEMENTED', all(header(), trailers())),
  ends(
    'Cardinality: a unary call gets one message, not only OK',
    'UNIMPLEMENTED',
    trailersOnly({ 'grpc-status': '0' }),
  ),
  ends(
    'Cardinality: a unary call gets one message, not two',
    'UNIMPLEMENTED',
    all(header(), text('a'), text('b'), trailers()),
  ),
  {
    ...ends('Cardinality: a client stream gets one message, not none', 'UNIMPLEMENTED', all(header(), trailers())),
    kind: 'client-streaming',
  },
  {
    ...ends(
      'Cardinality: a client stream gets one message, not two',
      'UNIMPLEMENTED',
      all(header(), text('a'), text('b'), trailers()),
    ),
    kind: 'client-streaming',
  },
  streams('Cardinality: a server stream gets no message', [], 'OK', header(), trailers()),
  streams(
    'Cardinality: a server stream gets two messages',
    ['a', 'b'],
    'OK',
    header(),
    text('a'),
    text('b'),
    trailers(),
  ),
  succeeds('Message-Encoding: gzip', encoded('gzip', gzipped)),
  succeeds('Message-Encoding: deflate', encoded('deflate', body(message(deflateSync(a), undefined, 1)))),
  succeeds('Message-Encoding: messages need not be compressed', encoded('gzip', text('a'))),
  succeeds('Message-Encoding: an unknown one does not matter if nothing is compressed', encoded('snail', text('a'))),
  ends('Message-Encoding: an unknown one is INTERNAL', 'INTERNAL', encoded('snail', gzipped)),
  ends('Compressed-Flag: 1 without an encoding is INTERNAL', 'INTERNAL', encoded(undefined, gzipped)),
  ends('Compressed-Flag: 1 with the encoding identity is INTERNAL', 'INTERNAL', encoded('identity', gzipped)),
  ...[2, 128, 255].map((flag) =>
    ends(`Compressed-Flag: ${flag} is not valid`, 'INTERNAL', encoded('gzip', body(message(a, undefined, flag)))),
  ),
  ends(
    'Message: one that cannot be decompressed is INTERNAL',
    'INTERNAL',
    encoded('gzip', body(message(a, undefined, 1))),
  ),
  {
    ...ends('Message: one may be empty', 'OK', all(header(), text(''), trailers())),
    messages: [''],
  },
  ends(
    'Message: one above 4 MiB is RESOURCE_EXHAUSTED',
    'RESOURCE_EXHAUSTED',
    all(header(), body(message(a, 2 ** 22 + 1))),
  ),
  streams('Message: messages and frames have no common borders', ['a', 'b'], 'OK', header(), inPieces(4), trailers()),
  ends('Message: one that is not complete is INTERNAL', 'INTERNAL', all(header(), body(message(a, 2)), trailers())),
  streams(
    'Message: a stream that ends within one is INTERNAL',
    ['a'],
    'INTERNAL',
    header(),
    text('a'),
    body(message(a, 2)),
    trailers(),
  ),
  streams(
    'Message: a stream that ends within a prefix is INTERNAL',
    ['a'],
    'INTERNAL',
    header(),
    text('a'),
    body(Buffer.alloc(3)),
    trailers(),
  ),
  ...statusesOfResets.map(([name, code, outcome]) =>
    ends(`Errors: ${name} is ${outcome}`, outcome, (id) => reset(id, code)),
  ),
  {
    ...ends('Errors: a status counts more than a reset after it', 'NOT_FOUND', (id) =>
      Buffer.concat([trailersOnly({ 'grpc-status': '5' })(id), reset(id, 0)]),
    ),
    kind: 'client-streaming',
  },
  ...[0, 2].map((code) =>
    streams(
      `Errors: messages and status count more than a reset after them with ${code}`,
      ['a', 'b'],
      'ABORTED',
      header(),
      text('a'),
      text('b'),
      trailers({ 'grpc-status': '10' }),
      (id) => reset(id, code),
    ),
  ),
  streams('Errors: messages count before a reset', ['a'], 'INTERNAL', header(), text('a'), (id) => reset(id, 2)),
];

/** Two messages in frames of this size. */
function inPieces(bytes: number): Part {
  const both = Buffer.concat([message(a), message(Buffer.from('b'))]);
  const count = Math.ceil(both.length / bytes);
  return all(...Array.from({ length: count }, (_, index) => body(both.subarray(index * bytes, (index + 1) * bytes))));
}
