import { type FileRegistry, fromBinary, type Message } from '@bufbuild/protobuf';
import type fc from 'fast-check';
import { arbitraryMessage } from '../../contract/testing/arbitrary-message.ts';

/** Values at the edges of their types, and texts that need escapes. Requests cannot have NUL. */
const pool = {
  integers: [0, 1, -1, 127, 128, 2 ** 31 - 1, -(2 ** 31)],
  floats: [0, -0, 0.5, -1.25, 2 ** 24 + 2, 2 ** -10, NaN, Infinity, -Infinity],
  texts: ['', 'a', '"\\\n\u0001', 'é😀', '\u2028', '{"a": 1}', 'null', '1', '__proto', 'constructor', '/?&=%+'],
};

/** Messages `shapes.v1.Everything`, with any of their fields set. */
export function arbitraryEverything(registry: FileRegistry): fc.Arbitrary<Message> {
  const type = registry.getMessage('shapes.v1.Everything');
  if (type === undefined) throw new Error('the registry has no shapes.v1.Everything');
  // A key that requests cannot have.
  const messages = arbitraryMessage(type, pool).filter((bytes) => !Buffer.from(bytes).includes('__proto__'));
  return messages.map((bytes) => fromBinary(type, bytes));
}
