import { type Attack, attack, get, postRaw, postTo, request } from './attack.ts';

/** A request that must not be answered: a proxy in front takes it for the body of another. */
const smuggled = get('/api/users/smuggled');
const chunked = 'transfer-encoding: chunked';
const body = '{"id":"ghost"}';
const inChunks = '2\r\n{}\r\n0\r\n\r\n';

function twoRequests(name: string, bytes: string, ...answers: readonly number[]): Attack {
  return { name, bytes, answers };
}

/** Requests that a proxy and the edge could split in different ways. */
export const smuggling: readonly Attack[] = [
  twoRequests('two requests in one packet are two', get('/api/users/good') + smuggled, 200, 404),
  twoRequests('a body in chunks, and a request after it', postRaw([chunked], inChunks) + smuggled, 400, 404),
  attack('CL.TE', postRaw(['content-length: 6', chunked], `0\r\n\r\n${smuggled}`), 400, 'MALFORMED_HTTP'),
  attack('TE.CL', postRaw([chunked, 'content-length: 4'], `5c\r\n${smuggled}`), 400, 'MALFORMED_HTTP'),
  attack('TE.TE, the second unknown', postRaw([chunked, 'transfer-encoding: x'], inChunks + smuggled), 400),
  attack('TE.TE, the first unknown', postRaw(['transfer-encoding: x', chunked], inChunks + smuggled), 400),
  attack('TE.TE, both chunked', postRaw([chunked, chunked], inChunks + smuggled), 400),
  attack('chunked twice', postRaw(['transfer-encoding: chunked, chunked'], inChunks + smuggled), 400),
  attack('chunked before identity', postRaw(['transfer-encoding: chunked, identity'], inChunks + smuggled), 400),
  attack('identity', postRaw(['transfer-encoding: identity'], smuggled), 400),
  attack('xchunked', postRaw(['transfer-encoding: xchunked'], inChunks + smuggled), 400),
  attack('quoted chunked', postRaw(['transfer-encoding: "chunked"'], inChunks + smuggled), 400),
  attack('chunked with a vertical tab', postRaw(['transfer-encoding: \x0bchunked'], inChunks + smuggled), 400),
  attack('chunked with a space before the colon', postRaw(['transfer-encoding : chunked'], inChunks + smuggled), 400),
  attack('chunked in HTTP/1.0', request('POST /api/users HTTP/1.0', ['host: a', chunked]) + inChunks + smuggled, 400),
  attack('two lengths', postRaw(['content-length: 0', 'content-length: 47'], smuggled), 400),
  attack('two equal lengths', postRaw(['content-length: 2', 'content-length: 2'], `{}${smuggled}`), 400),
  attack('a list of lengths', postRaw(['content-length: 2, 2'], `{}${smuggled}`), 400),
  ...['+2', '-2', '0x2', '2_0', '1e1', '2.0', '2;', '١', ''].map((length) =>
    attack(`the length "${length}"`, postRaw([`content-length: ${length}`], `{}${smuggled}`), 400),
  ),
  attack('a length beyond 2^64', postRaw(['content-length: 99999999999999999999'], smuggled), 400),
  attack('a length with a space before the colon', postRaw(['content-length : 2'], `{}${smuggled}`), 400),
  attack('a length in a folded line', postRaw(['x: a', ' content-length: 47'], smuggled), 400),
  attack('a body of GET', get('/api/users', `content-length: ${smuggled.length}`) + smuggled, 400, 'body'),
  attack('a body in chunks of GET', `${get('/api/users', chunked)}0\r\n\r\n${smuggled}`, 400, 'body'),
  attack('a body of DELETE', request('DELETE /api/users/a HTTP/1.1', ['host: a', 'content-length: 2']) + body, 400),
  attack('a body of an unknown path', Buffer.concat([postTo('/nothing', body), Buffer.from(smuggled)]), 404),
];

/** Chunks that are none. */
export const chunks: readonly Attack[] = [
  ...['0x2', '-2', '+2', '2 ', ' 2', 'g', '', '1_0', 'ffffffffffffffffff', '80000000000000000'].map((size) =>
    attack(`the size "${size}" of a chunk`, postRaw([chunked], `${size}\r\n{}\r\n0\r\n\r\n${smuggled}`), 400),
  ),
  attack('a chunk that is longer than its size', postRaw([chunked], `1\r\n{}\r\n0\r\n\r\n${smuggled}`), 400),
  attack('a chunk that ends with LF', postRaw([chunked], `2\r\n{}\n0\r\n\r\n${smuggled}`), 400),
  attack('a size that ends with LF', postRaw([chunked], `2\n{}\r\n0\r\n\r\n${smuggled}`), 400),
  attack('an extension with LF', postRaw([chunked], `2;a\n{}\r\n0\r\n\r\n${smuggled}`), 400),
  attack('an extension', postRaw([chunked], '2;a=b\r\n{}\r\n0\r\n\r\n'), 400, 'user.email'),
  attack('an extension of 1 MiB', postRaw([chunked], `2;${'a'.repeat(1 << 20)}\r\n{}\r\n0\r\n\r\n`), 400),
  attack('extensions of 1 MiB', postRaw([chunked], `${`1;${'a'.repeat(4_000)}\r\n \r\n`.repeat(250)}0\r\n\r\n`), 400),
  attack('trailers with a length', postRaw([chunked], '2\r\n{}\r\n0\r\ncontent-length: 50\r\n\r\n'), 400),
  attack('trailers of 1 MiB', postRaw([chunked], `2\r\n{}\r\n0\r\na: ${'b'.repeat(1 << 20)}\r\n\r\n`), 431),
  { ...attack('an end within a chunk', postRaw([chunked], '9\r\n{}'), 400), ends: true },
  { ...attack('an end within a body', postRaw(['content-length: 9'], '{}'), 400), ends: true },
];

/** Lines that are no HTTP, or another version of it. */
export const lines: readonly Attack[] = [
  attack('an LF at the end of each line', get('/api/users/good').replaceAll('\r\n', '\n'), 400),
  attack('an LF at the end of a header', 'GET /api/users/good HTTP/1.1\r\nhost: a\nx: b\r\n\r\n', 400),
  attack('a CR within a header', get('/api/users/good', 'x: a\rcontent-length: 9'), 400),
  attack('a NUL within a header', get('/api/users/good', 'x: a\0b'), 400),
  attack('a folded header', get('/api/users/good', 'x: a', ' b'), 400),
  attack('a header without a colon', get('/api/users/good', 'nonsense'), 400),
  attack('a header without a name', get('/api/users/good', ': a'), 400),
  attack('a space in the name of a header', get('/api/users/good', 'a b: c'), 400),
  attack('a space before the first header', 'GET /api/users/good HTTP/1.1\r\n host: a\r\n\r\n', 400),
  attack('HTTP/0.9', 'GET /api/users/good\r\n\r\n', 400),
  attack('HTTP/1.2', request('GET /api/users/good HTTP/1.2', ['host: a']), 400),
  attack('HTTP/2.0 in a line', request('GET /api/users/good HTTP/2.0', ['host: a']), 400),
  // Node takes it for HTTP/1.1.
  attack('another protocol', request('GET /api/users/good RTSP/1.1', ['host: a']), 200),
  attack('a tab for a space', request('GET\t/api/users/good HTTP/1.1', ['host: a']), 400),
  // RFC 9112, section 3 allows it.
  attack('two spaces', request('GET  /api/users/good HTTP/1.1', ['host: a']), 200),
  attack('no target', request('GET HTTP/1.1', ['host: a']), 400),
  attack('TLS', Buffer.from('16030100c5010000c10303', 'hex'), 400),
  { name: 'another preface of HTTP/2', bytes: 'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n', answers: [] },
];
