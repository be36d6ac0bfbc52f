import { ScalarType } from '@bufbuild/protobuf';
import type { Schema } from '../document.ts';

const signed64 = { type: 'string', format: 'int64', pattern: '^(0|-?[1-9][0-9]{0,18})$' } as const;
const unsigned64 = { type: 'string', format: 'uint64', pattern: '^(0|[1-9][0-9]{0,19})$' } as const;
const signed32 = { type: 'integer', format: 'int32', minimum: -(2 ** 31), maximum: 2 ** 31 - 1 } as const;
const unsigned32 = { type: 'integer', format: 'uint32', minimum: 0, maximum: 2 ** 32 - 1 } as const;

/** The values that JSON has no number for. */
const notFinite: Schema = { type: 'string', enum: ['NaN', 'Infinity', '-Infinity'] };

const schemas: Readonly<Record<ScalarType, Schema>> = {
  [ScalarType.BOOL]: { type: 'boolean' },
  [ScalarType.STRING]: { type: 'string' },
  [ScalarType.BYTES]: { type: 'string', format: 'byte', contentEncoding: 'base64' },
  [ScalarType.INT32]: signed32,
  [ScalarType.SINT32]: signed32,
  [ScalarType.SFIXED32]: signed32,
  [ScalarType.UINT32]: unsigned32,
  [ScalarType.FIXED32]: unsigned32,
  [ScalarType.INT64]: signed64,
  [ScalarType.SINT64]: signed64,
  [ScalarType.SFIXED64]: signed64,
  [ScalarType.UINT64]: unsigned64,
  [ScalarType.FIXED64]: unsigned64,
  [ScalarType.FLOAT]: { anyOf: [{ type: 'number', format: 'float' }, notFinite] },
  [ScalarType.DOUBLE]: { anyOf: [{ type: 'number', format: 'double' }, notFinite] },
};

/** Returns the schema of a scalar in the JSON of protobuf: 64-bit integers are text, because JavaScript rounds them. */
export function scalarSchema(scalar: ScalarType): Schema {
  return schemas[scalar];
}

/** Returns the schema of the keys of a map: JSON has only text. */
export function keySchema(scalar: ScalarType): Schema {
  if (scalar === ScalarType.BOOL) return { enum: ['true', 'false'] };
  const { type, format, minimum } = schemas[scalar];
  if (type !== 'integer') return schemas[scalar];
  return { type: 'string', ...(format && { format }), pattern: minimum === 0 ? '^[0-9]{1,10}$' : '^-?[0-9]{1,10}$' };
}
