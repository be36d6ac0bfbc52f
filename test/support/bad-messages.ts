import { create, type DescField, type DescMessage, ScalarType, toBinary } from '@bufbuild/protobuf';
import type { Oracle } from '../../mesh/contract/testing/oracle.ts';

/** The fields of a message, for `create`. */
type Init = Readonly<Record<string, unknown>>;

/** A message and the fields in it that violate rules. */
export interface BadMessage {
  /** The odd value, such as `user.email = aaaa…`. */
  readonly title: string;
  readonly bytes: Uint8Array;
  /** Sorted field paths, as reported by protovalidate. Empty if the message is valid. */
  readonly violations: readonly string[];
}

const oddTexts = [
  '',
  'x'.repeat(100_000),
  'nul\0byte',
  'two\r\nlines',
  '../../etc/passwd',
  '"; DROP TABLE users; --',
  '😀',
  '🏳️'.repeat(64),
];
const oddIntegers = [0, -1, 2 ** 31 - 1, -(2 ** 31)];
const odd64BitIntegers = [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)];
/** Nearly every text field accepts one of these. */
const likelyTexts = [
  'ada',
  '018f2f6e-4a52-7c8e-9d3a-0a1b2c3d4e5f',
  'EUR',
  'DE',
  'ada@example.com',
  'ORDER_PLACED',
  '{}',
];
const maxDepth = 3;

/** Returns an empty message, and valid messages in which one field, possibly nested, has an odd value. */
export function badMessages(type: DescMessage, oracle: Oracle): BadMessage[] {
  const messages: [string, Init][] = [['nothing', {}], ...oddInits(type, oracle, maxDepth)];
  return messages.map(([title, init]) => {
    const bytes = toBinary(type, create(type, init));
    return { title, bytes, violations: oracle(type, bytes) };
  });
}

function* oddInits(type: DescMessage, oracle: Oracle, depth: number): Generator<[string, Init]> {
  const plausible = plausibleInit(type, oracle, depth);
  for (const field of type.fields) {
    for (const [title, value] of oddValues(field, oracle, depth)) {
      yield [`${field.name}${title}`, { ...plausible, ...member(field, value) }];
    }
  }
}

function* oddValues(field: DescField, oracle: Oracle, depth: number): Generator<[string, unknown]> {
  for (const [title, value] of oddSingles(field, oracle, depth)) {
    if (field.fieldKind === 'list') yield [`[0]${title}`, [value]];
    else if (field.fieldKind === 'map') yield [`{}${title}`, { 0: value }];
    else yield [title, value];
  }
}

function* oddSingles(field: DescField, oracle: Oracle, depth: number): Generator<[string, unknown]> {
  if (field.message) {
    if (depth === 0) return;
    for (const [title, init] of oddInits(field.message, oracle, depth - 1))
      yield [`.${title}`, create(field.message, init)];
    return;
  }
  for (const value of field.enum ? [-1, 999] : oddScalars(field.scalar ?? ScalarType.STRING)) {
    yield [` = ${String(value).slice(0, 24)}`, value];
  }
}

function oddScalars(type: ScalarType): readonly unknown[] {
  switch (type) {
    case ScalarType.STRING:
      return oddTexts;
    case ScalarType.INT32:
      return oddIntegers;
    case ScalarType.INT64:
      return odd64BitIntegers;
    case ScalarType.BYTES:
      return [new Uint8Array([0, 255, 254])];
    case ScalarType.BOOL:
      return [true];
    default:
      throw new Error(`no odd values for ${ScalarType[type]}: add some`);
  }
}

/** Sets each field to the first likely value that the field's rules allow. */
function plausibleInit(type: DescMessage, oracle: Oracle, depth: number): Init {
  let init: Init = {};
  for (const field of type.fields) {
    const candidates = likelyValues(field, oracle, depth).map((value) => ({ ...init, ...member(field, value) }));
    const isAllowed = (candidate: Init) =>
      oracle(type, toBinary(type, create(type, candidate))).every((path) => !path.startsWith(field.name));
    if (field.oneof === undefined || !(field.oneof.localName in init)) init = candidates.find(isAllowed) ?? init;
  }
  return init;
}

function likelyValues(field: DescField, oracle: Oracle, depth: number): unknown[] {
  if (field.fieldKind === 'map') return [];
  const singles = likelySingles(field, oracle, depth);
  return field.fieldKind === 'list' ? singles.map((value) => [value]) : singles;
}

function likelySingles(field: DescField, oracle: Oracle, depth: number): unknown[] {
  if (field.message) return depth === 0 ? [] : [create(field.message, plausibleInit(field.message, oracle, depth - 1))];
  if (field.enum || field.scalar === ScalarType.INT32) return [1];
  if (field.scalar === ScalarType.INT64) return [1n];
  return field.scalar === ScalarType.STRING ? likelyTexts : [];
}

function member(field: DescField, value: unknown): Init {
  if (field.oneof) return { [field.oneof.localName]: { case: field.localName, value } };
  return { [field.localName]: value };
}
