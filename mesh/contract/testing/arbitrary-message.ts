import { create, type DescField, type DescMessage, type DescOneof, ScalarType, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';

/** The values to draw from, chosen to follow and to break rules often. */
export interface ValuePool {
  readonly integers: readonly number[];
  readonly floats: readonly number[];
  readonly texts: readonly string[];
}

/** How deep messages nest below the first. */
const maxDepth = 2;

/** Messages of a type with any of their fields set, encoded. */
export function arbitraryMessage(type: DescMessage, pool: ValuePool): fc.Arbitrary<Uint8Array> {
  return createArbitraries(pool)(type, maxDepth).map((init) => toBinary(type, create(type, init)));
}

type Init = Readonly<Record<string, unknown>>;

function createArbitraries(pool: ValuePool): (type: DescMessage, depth: number) => fc.Arbitrary<Init> {
  function message(type: DescMessage, depth: number): fc.Arbitrary<Init> {
    if (type.typeName === 'google.protobuf.Timestamp') return fc.constantFrom(...times());
    const members = type.members.map(
      (member) => [member.localName, fc.option(memberValue(member, depth), option)] as const,
    );
    return fc.record(Object.fromEntries(members));
  }

  function memberValue(member: DescField | DescOneof, depth: number): fc.Arbitrary<unknown> {
    if (member.kind === 'oneof') return fc.oneof(...member.fields.map((field) => oneofCase(field, depth)));
    const value = single(member, depth);
    if (member.fieldKind === 'list') return fc.array(value, { maxLength: 3 });
    return member.fieldKind === 'map' ? fc.dictionary(key(member.mapKey), value, { maxKeys: 3 }) : value;
  }

  function oneofCase(field: DescField, depth: number): fc.Arbitrary<unknown> {
    return single(field, depth).map((value) => ({ case: field.localName, value }));
  }

  function single(field: DescField, depth: number): fc.Arbitrary<unknown> {
    if (field.message !== undefined) {
      const isWrapper = field.message.typeName.endsWith('Value');
      if (isWrapper) return scalar(field.message.fields[0]?.scalar ?? ScalarType.STRING);
      return depth === 0 ? fc.constant(undefined) : message(field.message, depth - 1);
    }
    return field.enum === undefined ? scalar(field.scalar ?? ScalarType.STRING) : fc.integer({ min: 0, max: 6 });
  }

  function key(type: ScalarType): fc.Arbitrary<string> {
    return type === ScalarType.BOOL ? fc.constantFrom('true', 'false') : scalar(type).map(String);
  }

  function scalar(type: ScalarType): fc.Arbitrary<unknown> {
    if (type === ScalarType.STRING) return fc.constantFrom(...pool.texts);
    if (type === ScalarType.BYTES) return fc.constantFrom(...pool.texts).map((text) => Buffer.from(text));
    if (type === ScalarType.BOOL) return fc.boolean();
    if (type === ScalarType.FLOAT || type === ScalarType.DOUBLE) return fc.constantFrom(...pool.floats);
    const isUnsigned = /^U?FIXED|^UINT/.test(ScalarType[type]);
    const integers = fc.constantFrom(...pool.integers.filter((number) => number >= 0 || !isUnsigned));
    return /64$/.test(ScalarType[type]) ? integers.map(BigInt) : integers;
  }

  return message;
}

const option = { nil: undefined, freq: 4 } as const;

/** Whole and half seconds from 1970, and times hours away from now, so the clock cannot decide a test. */
function times(): Init[] {
  const now = BigInt(Math.round(Date.now() / 1000));
  const early = [0, 1, 2, 3, 4, 5, 6].flatMap((seconds) => [0, 500_000_000].map((nanos) => ({ seconds, nanos })));
  const late = [-200_000n, -3_600n, 3_600n, 200_000n].map((offset) => ({ seconds: now + offset }));
  return [...early.map(({ seconds, nanos }) => ({ seconds: BigInt(seconds), nanos })), ...late];
}
