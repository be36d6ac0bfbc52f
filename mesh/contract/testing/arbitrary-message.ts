import {
  create,
  type DescField,
  type DescMessage,
  type DescOneof,
  fromJson,
  type JsonValue,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { isWrapperDesc, ListValueSchema, ValueSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';

/** The values to draw from, chosen to follow and to break rules often. */
export interface ValuePool {
  readonly integers: readonly number[];
  readonly floats: readonly number[];
  readonly texts: readonly string[];
}

/** How deep messages nest below the first. */
const maxDepth = 2;

/** Messages of a type with any of their fields set, encoded. They never have a `google.protobuf.Any`. */
export function arbitraryMessage(type: DescMessage, pool: ValuePool): fc.Arbitrary<Uint8Array> {
  return createArbitraries(pool)(type, maxDepth).map((init) => toBinary(type, create(type, init)));
}

type Init = Readonly<Record<string, unknown>>;

function createArbitraries(pool: ValuePool): (type: DescMessage, depth: number) => fc.Arbitrary<Init> {
  function message(type: DescMessage, depth: number): fc.Arbitrary<Init> {
    const wellKnown = wellKnownTypes[type.typeName];
    if (wellKnown !== undefined) return wellKnown();
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
    if (field.enum?.typeName === 'google.protobuf.NullValue') return fc.constant(0);
    if (field.enum !== undefined) return fc.integer({ min: 0, max: 6 });
    if (field.message !== undefined) return nested(field, field.message, depth);
    const value = scalar(field.scalar ?? ScalarType.STRING);
    return 'longAsString' in field && field.longAsString ? value.map(String) : value;
  }

  function nested(field: DescField, type: DescMessage, depth: number): fc.Arbitrary<unknown> {
    if (isWrapperDesc(type)) {
      const value = scalar(type.fields[0]?.scalar ?? ScalarType.STRING);
      const isUnwrapped = field.fieldKind === 'message' && field.oneof === undefined;
      return isUnwrapped ? value : value.map((inner) => ({ value: inner }));
    }
    if (type.typeName === 'google.protobuf.Struct') return fc.dictionary(fc.string(), jsonValues(), { maxKeys: 3 });
    // An item of a list cannot be unset, so it is empty at the end.
    const isItem = field.fieldKind === 'list' || field.fieldKind === 'map';
    const isTooDeep = depth === 0 && !(type.typeName in wellKnownTypes);
    if (isTooDeep || type.typeName === 'google.protobuf.Any') return fc.constant(isItem ? {} : undefined);
    return message(type, depth - 1);
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

/** Arbitraries of types with more rules than their fields say. */
const wellKnownTypes: Readonly<Record<string, () => fc.Arbitrary<Init>>> = {
  'google.protobuf.Timestamp': () => fc.constantFrom(...times()),
  'google.protobuf.Duration': () =>
    fc
      .tuple(fc.constantFrom(1, -1), fc.integer({ min: 0, max: 1_000 }), fc.constantFrom(0, 1, 500_000_000, 999_000))
      .map(([sign, seconds, nanos]) => ({ seconds: BigInt(sign * seconds), nanos: sign * nanos + 0 })),
  'google.protobuf.FieldMask': () => fc.subarray(['a', 'b_c', 'd.e_f.g']).map((paths) => ({ paths })),
  'google.protobuf.Value': () => jsonValues().map((json) => fromJson(ValueSchema, json) as unknown as Init),
  'google.protobuf.ListValue': () =>
    fc.array(jsonValues(), { maxLength: 3 }).map((json) => fromJson(ListValueSchema, json) as unknown as Init),
};

function jsonValues(): fc.Arbitrary<JsonValue> {
  // JSON has no -0 after JSON.stringify.
  return fc.json({ maxDepth: 2 }).map((text) => JSON.parse(text));
}

/** Whole and half seconds from 1970, and times hours away from now, so the clock cannot decide a test. */
function times(): Init[] {
  const now = BigInt(Math.round(Date.now() / 1000));
  const early = [0, 1, 2, 3, 4, 5, 6].flatMap((seconds) => [0, 500_000_000].map((nanos) => ({ seconds, nanos })));
  const late = [-200_000n, -3_600n, 3_600n, 200_000n].map((offset) => ({ seconds: now + offset }));
  return [...early.map(({ seconds, nanos }) => ({ seconds: BigInt(seconds), nanos })), ...late];
}
