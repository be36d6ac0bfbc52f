import type { CustomTypesConfig } from 'pg';
import type { SqlValue } from '../storage.ts';

type Parse = (text: string) => SqlValue;

const integer: Parse = (text) => BigInt(text);
// By the number of the type in pg_type.
const parsers: ReadonlyMap<number, Parse> = new Map<number, Parse>([
  [16, (text) => (text === 't' ? 1n : 0n)], // bool, which SQLite has as an integer
  [17, bytes],
  [20, integer], // int8
  [21, integer], // int2
  [23, integer], // int4
  [26, integer], // oid
  [700, Number], // float4
  [701, Number], // float8
  [1700, (text) => (text.includes('.') ? Number(text) : BigInt(text))], // numeric: what sum() makes of int8
]);
const asText: Parse = (text) => text;

/** Reads values as SQLite gives them; a type that both do not share comes as its text. */
export const valueTypes = {
  getTypeParser: (oid: number) => parsers.get(oid) ?? asText,
} as CustomTypesConfig; // Its overloads know the binary format too, which is never asked for.

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.slice('\\x'.length), 'hex'));
}
