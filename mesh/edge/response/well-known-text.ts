import { type DescMessage, toJson } from '@bufbuild/protobuf';
import {
  type Duration,
  type FieldMask,
  ListValueSchema,
  StructSchema,
  type Timestamp,
  ValueSchema,
} from '@bufbuild/protobuf/wkt';
import type { TextWriter } from './scalar-text.ts';

/** A time of RFC 3339 in UTC, with 0, 3, 6 or 9 digits after the second. */
const writeTimestamp: TextWriter = (value) => {
  const { seconds, nanos } = value as Timestamp;
  const text = new Date(Number(seconds) * 1000).toISOString();
  return `"${text.slice(0, -'.000Z'.length)}${fractionOf(nanos)}Z"`;
};

const writeDuration: TextWriter = (value) => {
  const { seconds, nanos } = value as Duration;
  const sign = seconds < 0n || nanos < 0 ? '-' : '';
  return `"${sign}${seconds < 0n ? -seconds : seconds}${fractionOf(Math.abs(nanos))}s"`;
};

function fractionOf(nanos: number): string {
  if (nanos === 0) return '';
  const digits = String(nanos).padStart(9, '0');
  if (digits.endsWith('000000')) return `.${digits.slice(0, 3)}`;
  return digits.endsWith('000') ? `.${digits.slice(0, 6)}` : `.${digits}`;
}

const writeFieldMask: TextWriter = (value) => {
  const camel = (path: string) => path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return JSON.stringify((value as FieldMask).paths.map(camel).join(','));
};

/** A `google.protobuf.Value` that is not set is null. */
const writeValue: TextWriter = (value) => {
  const message = value as Parameters<typeof toJson<typeof ValueSchema>>[1];
  return message.kind.case === undefined ? 'null' : JSON.stringify(toJson(ValueSchema, message));
};

const writers: ReadonlyMap<string, TextWriter> = new Map([
  ['google.protobuf.Timestamp', writeTimestamp],
  ['google.protobuf.Duration', writeDuration],
  ['google.protobuf.FieldMask', writeFieldMask],
  ['google.protobuf.Value', writeValue],
  ['google.protobuf.Struct', (value) => JSON.stringify(toJson(StructSchema, value as never))],
  ['google.protobuf.ListValue', (value) => JSON.stringify(toJson(ListValueSchema, value as never))],
]);

/** Returns the writer of a well-known type with a JSON form of its own. `undefined` for other types; `Any` is not here. */
export function wellKnownWriter(type: DescMessage): TextWriter | undefined {
  return writers.get(type.typeName);
}
