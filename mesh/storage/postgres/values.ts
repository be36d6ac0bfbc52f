import type { CustomTypesConfig } from 'pg';
import type { SqlValue } from '../storage.ts';

/** Reads a value from the text that the server sends. */
export type Parse = (text: string) => SqlValue;

const integer: Parse = (text) => BigInt(text);
// By the oid of the type in pg_type.
const parsers: ReadonlyMap<number, Parse> = new Map<number, Parse>([
  [16, (text) => (text === 't' ? 1n : 0n)], // bool, an integer in SQLite
  [17, bytes],
  [20, integer], // int8
  [21, integer], // int2
  [23, integer], // int4
  [26, integer], // oid
  [700, Number], // float4
  [701, Number], // float8
  [1700, (text) => (text.includes('.') ? Number(text) : BigInt(text))], // numeric, the type of sum() over int8
]);
const asText: Parse = (text) => text;

/** Returns how values of a type are read: as SQLite returns them, or as text if SQLite does not have the type. */
export function parserOf(oid: number): Parse {
  return parsers.get(oid) ?? asText;
}

/** The same for the queries of pg. */
export const valueTypes = {
  getTypeParser: parserOf,
} as CustomTypesConfig; // Its overloads include the binary format, which is never requested.

/** A parameter as it is sent. */
export type Parameter = Buffer | string | null;

/** A parameter is of no type that a statement takes; the types of the program were circumvented. */
export class InvalidParameter extends Error {
  constructor(value: unknown) {
    super(`a parameter is of the type ${typeof value}`);
  }
}

/** Returns a parameter as it is sent: bytes as such, everything else as text. Throws `InvalidParameter`. */
export function toParameter(value: SqlValue): Parameter {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'bigint' || typeof value === 'number') return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  throw new InvalidParameter(value);
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.slice('\\x'.length), 'hex'));
}
