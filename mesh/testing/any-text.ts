import fc, { type Arbitrary } from 'fast-check';

const surrogates = { first: 0xd800, count: 0x800 };
const codePoint = fc
  .nat(0x10_ffff - surrogates.count)
  .map((number) => String.fromCodePoint(number < surrogates.first ? number : number + surrogates.count));

/**
 * Any text without lone surrogates, control characters included; some are names of properties such as `__proto__`. Like
 * `fc.string({ unit: 'binary' })`, which takes more than half a second to create.
 */
export function anyText({ maxLength = 20 }: { readonly maxLength?: number } = {}): Arbitrary<string> {
  // A character has one or two units of UTF-16.
  const characters = fc.array(codePoint, { maxLength }).map((all) => all.join(''));
  return fc.oneof(fc.string({ maxLength }), characters);
}
