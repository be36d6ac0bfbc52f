import { type DescEnum, ScalarType } from '@bufbuild/protobuf';
import { type JsonNode, JsonNumber } from '../../json/json-node.ts';
import { decodeBase64 } from './base64.ts';
import { exactInteger, isDecimal } from './decimal.ts';
import { invalid, refuse, type ValueReader } from './value-reader.ts';

/** Returns the reader of a scalar. `longAsString`: 64-bit integers are kept as text instead of `bigint`. */
export function scalarReader(type: ScalarType, longAsString: boolean): ValueReader {
  const read = readers[type];
  if (!longAsString || !is64Bit(type)) return read;
  return (node, faults) => {
    const value = read(node, faults);
    return value === invalid ? value : String(value);
  };
}

function is64Bit(type: ScalarType): boolean {
  return readers[type] === readInt64 || readers[type] === readUint64;
}

/** Not every database can store NUL, and then a request that has it would fail there. */
const readString: ValueReader<string> = (node, faults) => {
  if (typeof node !== 'string') return refuse(faults, 'a string', node);
  return node.includes('\0') ? refuse(faults, 'text without NUL') : node;
};

const readBool: ValueReader<boolean> = (node, faults) =>
  typeof node === 'boolean' ? node : refuse(faults, 'true or false');

const readBytes: ValueReader<Uint8Array> = (node, faults) => {
  if (typeof node !== 'string') return refuse(faults, 'base64 in a string', node);
  return decodeBase64(node) ?? refuse(faults, 'base64');
};

const readInt64 = longReader(-(2n ** 63n), 2n ** 63n - 1n);
const readUint64 = longReader(0n, 2n ** 64n - 1n);
const readInt32 = integerReader(-(2 ** 31), 2 ** 31 - 1);
const readUint32 = integerReader(0, 2 ** 32 - 1);

function integerReader(min: number, max: number): ValueReader<number> {
  return (node, faults) => {
    const value = typeof node === 'number' ? node : Number(integerOf(node));
    // Adding 0 makes 0 of -0.
    if (value >= min && value <= max) return value + 0;
    return refuse(faults, `an integer from ${min} to ${max}`);
  };
}

function longReader(min: bigint, max: bigint): ValueReader<bigint> {
  return (node, faults) => {
    const value = integerOf(node);
    if (value !== undefined && value >= min && value <= max) return value;
    return refuse(faults, `an integer from ${min} to ${max}`);
  };
}

/** Returns the exact integer of a number or of a string with a number; `undefined` if it is none. */
function integerOf(node: JsonNode): bigint | undefined {
  if (typeof node === 'number') return BigInt(node);
  const text = numberText(node);
  return text === undefined ? undefined : exactInteger(text);
}

function numberText(node: JsonNode): string | undefined {
  if (node instanceof JsonNumber) return node.text;
  return typeof node === 'string' ? node : undefined;
}

const specialNumbers: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

const readDouble = floatReader('double', (value) => value);
const readFloat = floatReader('float', Math.fround);

function floatReader(name: string, round: (value: number) => number): ValueReader<number> {
  return (node, faults) => {
    if (typeof node === 'number') return round(node);
    const text = numberText(node);
    const special = typeof node === 'string' ? specialNumbers.get(node) : undefined;
    if (special !== undefined) return special;
    if (text === undefined || !isDecimal(text)) return refuse(faults, 'a number, "NaN", "Infinity" or "-Infinity"');
    const value = round(Number(text));
    return Number.isFinite(value) ? value : refuse(faults, `in the range of a ${name}`);
  };
}

const readers: Readonly<Record<ScalarType, ValueReader>> = {
  [ScalarType.STRING]: readString,
  [ScalarType.BOOL]: readBool,
  [ScalarType.BYTES]: readBytes,
  [ScalarType.DOUBLE]: readDouble,
  [ScalarType.FLOAT]: readFloat,
  [ScalarType.INT32]: readInt32,
  [ScalarType.SINT32]: readInt32,
  [ScalarType.SFIXED32]: readInt32,
  [ScalarType.UINT32]: readUint32,
  [ScalarType.FIXED32]: readUint32,
  [ScalarType.INT64]: readInt64,
  [ScalarType.SINT64]: readInt64,
  [ScalarType.SFIXED64]: readInt64,
  [ScalarType.UINT64]: readUint64,
  [ScalarType.FIXED64]: readUint64,
};

/** Values that a fault lists. */
const maxListedValues = 12;

/**
 * Returns the reader of an enum: its values by name or number. A number that it does not declare is kept, unless the enum
 * is closed.
 */
export function enumReader(type: DescEnum): ValueReader {
  if (type.typeName === 'google.protobuf.NullValue') return readNullValue;
  const numbers = new Map(
    type.values.flatMap(({ name, jsonName, number }) => [
      [jsonName, number],
      [name, number],
    ]),
  );
  const names = type.values.slice(0, maxListedValues).map(({ name }) => name);
  const listed = type.values.length > maxListedValues ? `${names.join(', ')}, …` : names.join(', ');
  const known = new Set(type.values.map(({ number }) => number));
  return (node, faults) => {
    const number = typeof node === 'string' ? numbers.get(node) : enumNumber(node);
    if (number !== undefined && (type.open || known.has(number))) return number;
    return refuse(faults, `one of ${listed}`);
  };
}

function enumNumber(node: JsonNode): number | undefined {
  const number = integerOf(typeof node === 'string' ? null : node);
  return number !== undefined && BigInt.asIntN(32, number) === number ? Number(number) : undefined;
}

const readNullValue: ValueReader<number> = (node, faults) =>
  node === null || node === 0 || node === 'NULL_VALUE' ? 0 : refuse(faults, 'null', node);
