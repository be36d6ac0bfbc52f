import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ErrorCode, FrameType, frameHeaderBytes } from '../../mesh/engines/native/http2/codec/frames.ts';
import { inPieces } from './support/pieces.ts';
import { type Recording, recordConnection } from './support/recorded-connection.ts';
import { sessions } from './support/sessions.ts';

const seed = Number(process.env.FUZZ_SEED ?? 20_250_813);
const numRuns = Number(process.env.FUZZ_RUNS ?? 500);

/** Spoils the bytes of a session at a place that is a share of its length. */
type Spoil = (bytes: Buffer, at: number) => Buffer;

const anyBytes = fc.uint8Array({ minLength: 1, maxLength: 40 });
const spoil: fc.Arbitrary<Spoil> = fc.oneof(
  fc.integer({ min: 1, max: 255 }).map(
    (mask): Spoil =>
      (bytes, at) => {
        const spoiled = Buffer.from(bytes);
        spoiled[at] = (spoiled[at] ?? 0) ^ mask;
        return spoiled;
      },
  ),
  fc.nat({ max: 60 }).map(
    (length): Spoil =>
      (bytes, at) =>
        Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]),
  ),
  fc.nat({ max: 300 }).map(
    (length): Spoil =>
      (bytes, at) =>
        Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]),
  ),
  anyBytes.map(
    (more): Spoil =>
      (bytes, at) =>
        Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]),
  ),
  fc.constant<Spoil>((bytes, at) => bytes.subarray(0, at)),
);

/** Frames whose header may say anything, of a length that is right. */
const anyFrame = fc
  .record({ type: fc.nat({ max: 11 }), flags: fc.nat({ max: 255 }), id: fc.nat({ max: 9 }), payload: anyBytes })
  .map(({ type, flags, id, payload }) => {
    const header = Buffer.alloc(frameHeaderBytes);
    header.writeUIntBE(payload.length, 0, 3);
    header.set([type, flags], 3);
    header.writeUInt32BE(id, 5);
    return Buffer.concat([header, payload]);
  });

/** The codes of the GOAWAYs in what was sent, which has to be whole frames. */
function farewells(sent: Buffer): number[] {
  const codes: number[] = [];
  for (let at = 0; at < sent.length; at += frameHeaderBytes + sent.readUIntBE(at, 3)) {
    if (sent.readUInt8(at + 3) === FrameType.GOAWAY) codes.push(sent.readUInt32BE(at + frameHeaderBytes + 4));
  }
  return codes;
}

/** That it went on or ended with GOAWAY, not for a fault of its own, told its end once, and left no stream without one. */
function expectOrder({ events, sent, ended }: Recording): void {
  const codes = farewells(sent);
  if (ended) expect(codes).toHaveLength(1);
  expect(codes).not.toContain(ErrorCode.INTERNAL_ERROR);
  expect(events.filter((event) => event.startsWith('closed'))).toHaveLength(1);
  const ids = (kind: string) => events.filter((event) => event.startsWith(kind)).map((event) => event.split(' ')[1]);
  const over = new Set([...ids('ended'), ...ids('aborted')]);
  expect(ids('request').filter((id) => !over.has(id))).toEqual([]);
}

describe('a connection keeps order', () => {
  it('over sessions that were spoiled', async () => {
    const spoils = fc.array(fc.tuple(spoil, fc.double({ min: 0, max: 1, noNaN: true })), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(sessions, spoils, fc.nat({ max: 999 }), async (frames, spoils, size) => {
        let bytes = Buffer.concat(frames);
        // Behind the preface, which has no second chance.
        for (const [spoilAt, share] of spoils)
          bytes = Buffer.from(spoilAt(bytes, 24 + Math.floor(share * bytes.length)));
        expectOrder(await recordConnection(inPieces(bytes, [size + 1])));
      }),
      { seed, numRuns },
    );
  });

  it('over frames in another order, some of them twice', async () => {
    await fc.assert(
      fc.asyncProperty(
        sessions,
        fc.array(fc.nat({ max: 60 }), { maxLength: 80 }),
        async ([hello, ...frames], order) => {
          const shuffled = order.flatMap((index) => frames.slice(index % frames.length, (index % frames.length) + 1));
          expectOrder(await recordConnection([Buffer.concat([hello ?? Buffer.alloc(0), ...shuffled])]));
        },
      ),
      { seed, numRuns },
    );
  });

  it('over frames of any type, with any flags, among those that are right', async () => {
    await fc.assert(
      fc.asyncProperty(
        sessions,
        fc.array(fc.tuple(anyFrame, fc.nat({ max: 40 })), { maxLength: 4 }),
        async (frames, more) => {
          const mixed = [...frames];
          for (const [bytes, index] of more) mixed.splice(1 + (index % mixed.length), 0, bytes);
          expectOrder(await recordConnection([Buffer.concat(mixed)]));
        },
      ),
      { seed, numRuns },
    );
  });

  it('over bytes of chance', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), fc.boolean(), async (bytes, greets) => {
        const greeting = greets
          ? Buffer.from('505249202a20485454502f322e300d0a0d0a534d0d0a0d0a000000040000000000', 'hex')
          : [];
        expectOrder(await recordConnection([Buffer.concat([Buffer.from(greeting), bytes])]));
      }),
      { seed, numRuns },
    );
  });
});
