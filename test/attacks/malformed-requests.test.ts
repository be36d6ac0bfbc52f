import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Flag, FrameType } from '../../mesh/engines/native/http2/codec/frames.ts';
import { literalFields } from '../../mesh/engines/native/http2/codec/literal-fields.ts';
import { attackedServer } from './support/attack.ts';
import { data, headers, message } from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

const seed = Number(process.env.FUZZ_SEED ?? 20_260_117);
const requests = Number(process.env.FUZZ_RUNS ?? 10_000);
const perConnection = 50;

/** A request, in parts that are mutated separately. */
interface Request {
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

const anyText = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const valid: Readonly<Record<string, string>> = {
  ':method': 'POST',
  ':scheme': 'http',
  ':path': '/attacked/Names',
  ':authority': 'attacked',
  te: 'trailers',
  'content-type': 'application/grpc',
};
const invalid: Readonly<Record<string, readonly string[]>> = {
  ':method': ['GET', 'CONNECT', 'post', ''],
  ':path': ['', '/', '*', '/attacked/None', '//', '/attacked/Names/', 'attacked/Names', '/%00', '/\r\nx', '/\u0000'],
  ':scheme': ['', 'https', 'ftp'],
  ':authority': ['', '\u00ff', 'a\r\nb'],
  te: ['', 'gzip', 'trailers, deflate'],
  'content-type': [
    '',
    'application/grpc-web',
    'application/grpc+json',
    'application/grpc; x',
    'text/html',
    'APPLICATION/GRPC',
  ],
  'content-length': ['0', '-1', '1e3', '99999999999999999999', '7'],
  'grpc-timeout': ['', '0n', '0S', '1', '99999999H', '999999999S', '-1S', '1.5S', 'S', '\u00e91S'],
  'grpc-encoding': ['', 'identity', 'gzip', 'deflate', 'br', 'gzip, gzip', '__proto__'],
  'grpc-accept-encoding': ['', ',,,', 'gzip', '__proto__', 'constructor'],
};

const field = fc
  .constantFrom(...Object.keys(invalid))
  .chain((name) => fc.tuple(fc.constant(name), fc.oneof(fc.constantFrom(...(invalid[name] ?? [''])), anyText)));
const oddField = fc.tuple(
  fc.oneof(
    fc.constantFrom('__proto__', 'constructor', 'x-bin', 'x!', 'X', '', ':x', 'connection', 'a b', 'host'),
    anyText,
  ),
  fc.oneof(fc.constantFrom('', ' a', 'a ', '!!!', 'a\u0000', 'a\r\nb', 'YQ', 'YQ==,,YQ', '\u00e4'), anyText),
);
const zipped = gzipSync('a message');
const body = fc.oneof(
  fc.constant(message(Buffer.from('a message'))),
  fc.uint8Array({ maxLength: 30 }),
  fc
    .tuple(fc.nat({ max: 2 ** 32 - 1 }), fc.nat({ max: 255 }))
    .map(([length, flag]) => message(Buffer.of(1), length, flag)),
  fc.tuple(fc.nat({ max: zipped.length - 1 }), fc.nat({ max: 255 })).map(([at, byte]) => {
    const corrupted = Buffer.from(zipped);
    corrupted[at] = byte;
    return message(corrupted, corrupted.length, 1);
  }),
  fc.nat({ max: zipped.length }).map((length) => message(zipped.subarray(0, length), length, 1)),
);

const request: fc.Arbitrary<Request> = fc
  .record({
    changed: fc.array(field, { maxLength: 2 }),
    gone: fc.option(fc.constantFrom(...Object.keys(valid))),
    added: fc.array(fc.oneof(oddField, field), { maxLength: 2 }),
    body,
  })
  .map(({ changed, gone, added, body }) => {
    const fields = Object.entries({ ...valid, ...Object.fromEntries(changed) });
    return { fields: [...fields.filter(([name]) => name !== gone), ...added], body };
  });

function frames(streamId: number, { fields, body }: Request): Buffer {
  return Buffer.concat([headers(streamId, literalFields(fields.flat())), data(streamId, body, Flag.END_STREAM)]);
}

describe('a server that receives malformed requests', () => {
  const target = attackedServer();

  it('answers or resets each of ten thousand calls', async () => {
    const all = fc.sample(request, { numRuns: requests, seed });
    await target.attack(async (port) => {
      for (let from = 0; from < all.length; from += perConnection) {
        using peer = await RawPeer.connect(port);
        const some = all.slice(from, from + perConnection);
        await peer.send(...some.map((request, index) => frames(1 + 2 * index, request)));
        const served = await peer.isServed();
        expect(served, `requests from ${from}, seed ${seed}: ${JSON.stringify(some)}`).toBe(true);
        const unanswered = some.filter((_, index) => !hasEnd(peer, 1 + 2 * index));
        expect(unanswered, `seed ${seed}`).toEqual([]);
      }
    });
  });
});

function hasEnd(peer: RawPeer, streamId: number): boolean {
  if (peer.resetOf(streamId) !== undefined) return true;
  return peer.of(FrameType.HEADERS, streamId).some(({ flags }) => (flags & Flag.END_STREAM) !== 0);
}
