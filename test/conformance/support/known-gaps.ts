import { expect, it } from 'vitest';
import type { EngineName } from '../../../mesh/engines/engines.ts';

/** Something that an engine does not do. */
interface KnownGap {
  readonly reason: string;
  /** What the case that fails for it says. */
  readonly says: string;
}

const noProbe: KnownGap = {
  reason: 'grpc-js does not tell whether a message came compressed, so one that should have been is not refused',
  says: 'expected INVALID_ARGUMENT',
};
const plainReplies: KnownGap = {
  reason: 'a server of grpc-js has no option to compress what it sends',
  says: 'is compressed',
};

/** What each does not do, by the name of the case. */
const knownGaps: Readonly<Record<string, Readonly<Record<string, KnownGap>>>> = {
  'grpc-js server': {
    client_compressed_unary: noProbe,
    client_compressed_streaming: noProbe,
    'compresses a reply when it is asked to': plainReplies,
    'compresses those messages of a stream that it is asked to, and no others': plainReplies,
    'names the encodings that it knows when it refuses one': {
      reason: 'a server of grpc-js names them in its text only',
      says: 'its encodings',
    },
    'refuses a message that is compressed, but not said how': {
      reason: 'grpc-js hands the compressed bytes on, and the decoder says that they are no message',
      says: "its status: expected '3' to be '13'",
    },
  },
  'grpc-js transport': {
    'refuses a reply in an encoding that it does not know': {
      reason: 'grpc-js ends such a call with an error that has no code',
      says: 'its error',
    },
  },
};

/**
 * A test of a case that conforms, beside others. Where it is a known gap, the test is that it still does not, and fails as
 * the table says: a gap that closes has to be taken off the table.
 */
export function itConforms(
  subject: `${EngineName} ${'server' | 'transport'}`,
  name: string,
  run: () => Promise<unknown>,
): void {
  const gap = knownGaps[subject]?.[name];
  if (!gap) {
    it.concurrent(name, async () => {
      await run();
    });
    return;
  }
  it.concurrent(`${name}: a known gap, since ${gap.reason}`, async () => {
    await expect(run(), 'this gap is closed: take it off known-gaps.ts').rejects.toThrow(gap.says);
  });
}
