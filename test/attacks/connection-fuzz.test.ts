import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ErrorCode, FrameType, frameHeaderBytes } from '../../mesh/engines/native/http2/codec/frames.ts';
import { frame } from './support/frames.ts';
import { inPieces } from './support/pieces.ts';
import { type Recording, recordConnection } from './support/recorded-connection.ts';
import { sessions } from './support/sessions.ts';

const seed = Number(process.env.FUZZ_SEED ?? 20_250_813);
const numRuns = Number(process.env.FUZZ_RUNS ?? 500);

/** Corrupts the bytes of a session at an offset. */
type Corruption = (bytes: Buffer, at: number) => Buffer;

const anyBytes = fc.uint8Array({ minLength: 1, maxLength: 40 });
const corruption: fc.Arbitrary<Corruption> = fc.oneof(
  fc.integer({ min: 1, max: 255 }).map(
    (mask): Corruption =>
      (bytes, at) => {
        const corrupted = Buffer.from(bytes);
        corrupted[at] = (corrupted[at] ?? 0) ^ mask;
        return corrupted;
      },
  ),
  fc.nat({ max: 60 }).map(
    (length): Corruption =>
      (bytes, at) =>
        Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]),
  ),
  fc.nat({ max: 300 }).map(
    (length): Corruption =>
      (bytes, at) =>
        Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]),
  ),
  anyBytes.map(
    (more): Corruption =>
      (bytes, at) =>
        Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]),
  ),
  fc.constant<Corruption>((bytes, at) => bytes.subarray(0, at)),
);

/** Frames of any type, with any flags, and a correct length. */
const anyFrame = fc
  .record({ type: fc.nat({ max: 11 }), flags: fc.nat({ max: 255 }), id: fc.nat({ max: 9 }), payload: anyBytes })
  .map(({ type, flags, id, payload }) => frame(type, flags, id, payload));

/** Returns the codes of all GOAWAY frames. Throws if a frame is incomplete. */
function goawayCodes(sent: Buffer): number[] {
  const codes: number[] = [];
  for (let at = 0; at < sent.length; at += frameHeaderBytes + sent.readUIntBE(at, 3)) {
    if (sent.readUInt8(at + 3) === FrameType.GOAWAY) codes.push(sent.readUInt32BE(at + frameHeaderBytes + 4));
  }
  return codes;
}

/** Checks that the connection stayed open or ended with one GOAWAY, without an internal error, and that each stream ended. */
function expectConsistent({ events, sent, ended }: Recording): void {
  const codes = goawayCodes(sent);
  if (ended) expect(codes).toHaveLength(1);
  expect(codes).not.toContain(ErrorCode.INTERNAL_ERROR);
  expect(events.filter((event) => event.startsWith('closed'))).toHaveLength(1);
  const ids = (kind: string) => events.filter((event) => event.startsWith(kind)).map((event) => event.split(' ')[1]);
  const over = new Set([...ids('ended'), ...ids('aborted')]);
  expect(ids('request').filter((id) => !over.has(id))).toEqual([]);
}

describe('a connection', () => {
  it('stays consistent when sessions are corrupted', async () => {
    const corruptions = fc.array(fc.tuple(corruption, fc.double({ min: 0, max: 1, noNaN: true })), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(sessions, corruptions, fc.nat({ max: 999 }), async (frames, corruptions, size) => {
        let bytes = Buffer.concat(frames);
        // After the preface: without a valid one the connection ends.
        for (const [corrupt, share] of corruptions)
          bytes = Buffer.from(corrupt(bytes, 24 + Math.floor(share * bytes.length)));
        expectConsistent(await recordConnection(inPieces(bytes, [size + 1])));
      }),
      { seed, numRuns },
    );
  });

  it('stays consistent when frames arrive in random order and repeatedly', async () => {
    await fc.assert(
      fc.asyncProperty(
        sessions,
        fc.array(fc.nat({ max: 60 }), { maxLength: 80 }),
        async ([hello, ...frames], order) => {
          const shuffled = order.flatMap((index) => frames.slice(index % frames.length, (index % frames.length) + 1));
          expectConsistent(await recordConnection([Buffer.concat([hello ?? Buffer.alloc(0), ...shuffled])]));
        },
      ),
      { seed, numRuns },
    );
  });

  it('stays consistent when arbitrary frames arrive among valid ones', async () => {
    await fc.assert(
      fc.asyncProperty(
        sessions,
        fc.array(fc.tuple(anyFrame, fc.nat({ max: 40 })), { maxLength: 4 }),
        async (frames, more) => {
          const mixed = [...frames];
          for (const [bytes, index] of more) mixed.splice(1 + (index % mixed.length), 0, bytes);
          expectConsistent(await recordConnection([Buffer.concat(mixed)]));
        },
      ),
      { seed, numRuns },
    );
  });

  it('stays consistent when random bytes arrive', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), fc.boolean(), async (bytes, greets) => {
        const greeting = greets
          ? Buffer.from('505249202a20485454502f322e300d0a0d0a534d0d0a0d0a000000040000000000', 'hex')
          : [];
        expectConsistent(await recordConnection([Buffer.concat([Buffer.from(greeting), bytes])]));
      }),
      { seed, numRuns },
    );
  });
});
