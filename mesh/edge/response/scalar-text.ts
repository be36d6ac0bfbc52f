import { type DescEnum, ScalarType } from '@bufbuild/protobuf';

/** Writes a value of a field as JSON. */
export type TextWriter = (value: unknown) => string;

/** Returns the writer of a scalar: 64-bit integers and bytes as strings, as in the JSON mapping of protobuf. */
export function scalarWriter(type: ScalarType): TextWriter {
  switch (type) {
    case ScalarType.STRING:
      return (value) => JSON.stringify(value);
    case ScalarType.BYTES:
      return (value) => `"${Buffer.from(value as Uint8Array).toString('base64')}"`;
    case ScalarType.DOUBLE:
      return (value) => doubleText(value as number);
    case ScalarType.FLOAT:
      return (value) => floatText(value as number);
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return (value) => `"${value}"`;
    default:
      return String;
  }
}

/** Returns the writer of an enum: a value's name, or its number if the contract does not declare it. */
export function enumWriter(type: DescEnum): TextWriter {
  if (type.typeName === 'google.protobuf.NullValue') return () => 'null';
  // The first of several names for a number.
  const names = new Map(type.values.toReversed().map(({ number, jsonName }) => [number, `"${jsonName}"`]));
  return (value) => names.get(value as number) ?? String(value);
}

function doubleText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? '-0' : String(value);
}

/** The shortest text of at least six digits that gives the same float: 0.1, not 0.10000000149011612. */
function floatText(value: number): string {
  if (!Number.isFinite(value) || value === 0) return doubleText(value);
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}
