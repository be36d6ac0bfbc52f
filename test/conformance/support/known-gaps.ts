import { expect, it } from 'vitest';
import type { EngineName } from '../../../mesh/engines/engines.ts';

/** Something that an engine does not support. */
interface KnownGap {
  readonly reason: string;
  /** The text with which the case fails. */
  readonly failsWith: string;
}

const noProbe: KnownGap = {
  reason:
    'grpc-js does not report whether a message was compressed, so the server cannot reject one that should have been',
  failsWith: 'expected INVALID_ARGUMENT',
};
const noCompression: KnownGap = {
  reason: 'a grpc-js server cannot compress responses',
  failsWith: 'is compressed',
};

/** Known gaps by case name. */
const knownGaps: Readonly<Record<string, Readonly<Record<string, KnownGap>>>> = {
  'grpc-js server': {
    client_compressed_unary: noProbe,
    client_compressed_streaming: noProbe,
    'compresses a response on request': noCompression,
    'compresses only the requested messages of a stream': noCompression,
  },
};

/**
 * Adds a concurrent test for a case. For a known gap, the test expects the case to fail as listed: remove a gap from the list
 * once it is closed.
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
  it.concurrent(`does not pass ${name}: ${gap.reason}`, async () => {
    await expect(run(), 'this gap is closed: remove it from known-gaps.ts').rejects.toThrow(gap.failsWith);
  });
}
