import { ScalarType } from '@bufbuild/protobuf';
import type { MeshError } from '../../errors/mesh-error.ts';
import { invalidHeader } from '../semantics/errors.ts';

// The id of an event is the value of a field. If the request has a limit, the number of messages that count against it follows:
// `ada;17`. What a header cannot have is escaped as in a URL.

const isPlain = /^[\x21-\x24\x26-\x3a\x3c-\x7e]*$/;
const escaped = /[^\x21-\x24\x26-\x3a\x3c-\x7e]/gu;
const idPattern = /^([\x21-\x3a\x3c-\x7e]+)(?:;(\d{1,10}))?$/;

/** Returns the id of an event; empty if the value is. `taken`: how many messages count against a limit. */
export function formatEventId(value: string | number | bigint, taken?: number): string {
  const text = String(value);
  const key = isPlain.test(text) ? text : text.replaceAll(escaped, encodeURIComponent);
  return key === '' || taken === undefined ? key : `${key};${taken}`;
}

/** Reads the id of an event whose value is of a type. Throws INVALID_ARGUMENT `INVALID_HEADER`. */
export function parseEventId(id: string, type: ScalarType) {
  const [, key = '', taken = '0'] = idPattern.exec(id) ?? [];
  const text = unescapeKey(key);
  const value = text === undefined || text === '' ? undefined : readValue(text, type);
  if (value === undefined) {
    throw eventIdFault('it is not an id of this stream: send the id of the last event as it was received');
  }
  return { value, taken: Number(taken) };
}

/** INVALID_ARGUMENT `INVALID_HEADER`: the header `Last-Event-ID` cannot be used. */
export function eventIdFault(problem: string): MeshError {
  return invalidHeader('Last-Event-ID', problem);
}

function unescapeKey(key: string): string | undefined {
  try {
    return decodeURIComponent(key);
  } catch {
    return undefined;
  }
}

/** The value as a field has it, if it can be one. The service validates it further. */
function readValue(text: string, type: ScalarType): string | number | bigint | undefined {
  if (type === ScalarType.STRING) return text;
  if (!/^\d{1,20}$/.test(text)) return undefined;
  const value = BigInt(text);
  switch (type) {
    case ScalarType.INT64:
      return BigInt.asIntN(64, value) === value ? value : undefined;
    case ScalarType.UINT64:
      return BigInt.asUintN(64, value) === value ? value : undefined;
    default:
      return BigInt.asIntN(32, value) === value ? Number(value) : undefined;
  }
}
