import { create, type Message } from '@bufbuild/protobuf';
import { DurationSchema, FieldMaskSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { refuse, type ValueReader } from './value-reader.ts';

const timestampPattern =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

/** The years 1 to 9999, in seconds from 1970. */
const minSeconds = -62_135_596_800;
const maxSeconds = 253_402_300_799;

const timestampText = 'a time such as 2026-11-28T18:00:00Z';
/** The `+` of a query is a space. */
const spacedOffset = / \d\d:\d\d$/;

/** Reads a time of RFC 3339, from the year 1 to the year 9999, with up to nine digits after the second. */
export const readTimestamp: ValueReader<Message> = (node, faults) => {
  if (typeof node !== 'string') return refuse(faults, timestampText, node);
  const match = timestampPattern.exec(node);
  if (match === null) {
    return refuse(faults, spacedOffset.test(node) ? `${timestampText}; in a query, write + as %2B` : timestampText);
  }
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHour = '0', offsetMinute = '0'] = match;
  const parts = [year, month, day, hour, minute, second].map(Number) as Sextuple;
  const localSeconds = secondsOf(parts);
  if (localSeconds === undefined) return refuse(faults, timestampText);
  const offset = Number(offsetHour) * 3600 + Number(offsetMinute) * 60;
  const seconds = sign === '-' ? localSeconds + offset : localSeconds - offset;
  if (seconds < minSeconds || seconds > maxSeconds) return refuse(faults, 'a time from the year 1 to the year 9999');
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos: nanosOf(fraction) });
};

type Sextuple = [number, number, number, number, number, number];

/** Returns seconds from 1970. `undefined` for a day that the month does not have, or an hour that the day does not. */
function secondsOf([year, month, day, hour, minute, second]: Sextuple): number | undefined {
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return date.getTime() / 1000 + hour * 3600 + minute * 60 + second;
}

function nanosOf(fraction: string): number {
  return Number(fraction.padEnd(9, '0'));
}

const durationPattern = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/;

/** 10,000 years. */
const maxDurationSeconds = 315_576_000_000;

/** Reads a length of time in seconds: `1.5s`. */
export const readDuration: ValueReader<Message> = (node, faults) => {
  const match = typeof node === 'string' ? durationPattern.exec(node) : null;
  if (match === null) return refuse(faults, 'a duration in seconds, such as 1.5s');
  const [, sign = '', whole = '', fraction = ''] = match;
  const seconds = Number(whole);
  const nanos = nanosOf(fraction);
  if (seconds > maxDurationSeconds || (seconds === maxDurationSeconds && nanos > 0)) {
    return refuse(faults, `a duration of at most ${maxDurationSeconds}s`);
  }
  const direction = sign === '-' ? -1 : 1;
  return create(DurationSchema, { seconds: BigInt(direction * seconds), nanos: direction * nanos + 0 });
};

const maskPathPattern = /^(?:\*|[a-z][A-Za-z0-9]*(?:\.(?:\*|[a-z][A-Za-z0-9]*))*)$/;

/** Reads field paths in lowerCamelCase, separated by commas: `name,unitPrice.currencyCode`. */
export const readFieldMask: ValueReader<Message> = (node, faults) => {
  if (typeof node !== 'string') return refuse(faults, 'field paths in a string', node);
  const paths = node === '' ? [] : node.split(',');
  if (!paths.every((path) => maskPathPattern.test(path))) {
    return refuse(faults, 'field paths in lowerCamelCase, separated by commas');
  }
  return create(FieldMaskSchema, { paths: paths.map(toSnakeCase) });
};

function toSnakeCase(path: string): string {
  return path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
