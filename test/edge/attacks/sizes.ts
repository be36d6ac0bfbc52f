import { gzipSync } from 'node:zlib';
import { type Attack, attack, get, post, postChunked, postRaw } from './attack.ts';

const mebibyte = 1024 * 1024;
const gzip = 'content-encoding: gzip';
const bomb = gzipSync(Buffer.alloc(64 * mebibyte, ' '));

/** Requests that are too large, or become it. */
export const sizes: readonly Attack[] = [
  attack('a header of 17 KiB', get('/api/users/good', `x: ${'a'.repeat(17 * 1024)}`), 431, 'HEADERS_TOO_LARGE'),
  attack('a name of 17 KiB', get('/api/users/good', `${'a'.repeat(17 * 1024)}: x`), 431, 'HEADERS_TOO_LARGE'),
  attack('10,000 headers', get('/api/users/good', ...Array.from({ length: 10_000 }, () => 'a: b')), 431),
  attack('1,500 short headers', get('/api/users/good', ...Array.from({ length: 1_500 }, () => 'a:b')), 431),
  attack('300 short headers', get('/api/users/good', ...Array.from({ length: 300 }, () => 'a:b')), 200),
  attack('a target of 17 KiB', get(`/api/users/${'a'.repeat(17 * 1024)}`), 414, 'URL_TOO_LONG'),
  attack('a target of 15 KiB', get(`/api/users/${'a'.repeat(15 * 1024)}`), 400, 'id'),
  attack('5,000 segments', get(`/api${'/a'.repeat(5_000)}`), 404, 'PATH_NOT_FOUND'),
  attack('3,000 escapes', get(`/api/users/${'%61'.repeat(3_000)}`), 400, 'id'),
  attack('3,000 parameters', get(`/api/users?${'a=b&'.repeat(3_000)}`), 400, 'a'),
  attack('a deep parameter', get(`/api/users?${'a.'.repeat(5_000)}b=1`), 400),
  attack('an announced body of 5 MiB', postRaw([`content-length: ${5 * mebibyte}`], '{'), 413, 'BODY_TOO_LARGE'),
  attack('a body of 5 MiB', post(Buffer.alloc(5 * mebibyte, ' ')), 413, 'BODY_TOO_LARGE'),
  attack('chunks of 5 MiB', postChunked(Buffer.alloc(5 * mebibyte, ' '), 65_536), 413, 'BODY_TOO_LARGE'),
  attack('30,000 chunks of a byte', postChunked(Buffer.alloc(30_000, ' '), 1), 400, 'body'),
  attack('a gzip bomb of 64 MiB', post(bomb, gzip), 413, 'BODY_TOO_LARGE'),
  attack('a gzip bomb in chunks', postChunkedZipped(), 413, 'BODY_TOO_LARGE'),
  attack('a gzip bomb in gzip', post(gzipSync(bomb), gzip), 400),
  attack('two codings', post(gzipSync(bomb), 'content-encoding: gzip, gzip'), 415, 'UNSUPPORTED_CONTENT_ENCODING'),
  attack('half of a gzip', post(bomb.subarray(0, 999), gzip), 400, 'MALFORMED_CONTENT_ENCODING'),
  attack('bytes after a gzip', post(Buffer.concat([gzipSync('{}'), Buffer.from('{}')]), gzip), 400),
  attack('100,000 open brackets', post('['.repeat(100_000)), 400, 'body'),
  attack('100,000 open objects', post('{"a":'.repeat(100_000)), 400),
  attack('a depth of 101', post(`${'{"a":'.repeat(101)}1${'}'.repeat(101)}`), 400),
  attack('a name of 3 MiB', post(`{"name": "${'a'.repeat(3 * mebibyte)}"}`), 400),
  attack('a number of 1 MiB', post(`{"name": ${'9'.repeat(mebibyte)}}`), 400, 'user.name'),
  attack('a key of 1 MiB', post(`{"${'a'.repeat(mebibyte)}": 1}`), 400),
  attack('100,000 unknown keys', post(`{${Array.from({ length: 100_000 }, (_, at) => `"k${at}":1`)}}`), 400),
];

function postChunkedZipped(): Buffer {
  const sent = postChunked(bomb, 4_096);
  return Buffer.concat([
    sent.subarray(0, sent.indexOf('\r\n') + 2),
    Buffer.from(`${gzip}\r\n`),
    sent.subarray(sent.indexOf('\r\n') + 2),
  ]);
}
