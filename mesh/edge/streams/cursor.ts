import { type DescMethod, type Message, type Registry, ScalarType } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { type Resume, resumeOf } from '../../contract/plugin/resume.ts';
import { invalidHeader } from '../semantics/errors.ts';

/** Where a stream is, for one request. */
export interface StreamCursor {
  /** Whether the caller has all messages that the request wants, so there is nothing to call. */
  readonly isComplete: boolean;
  /** Returns the id of the next message of the stream: where to resume after it. Empty if the message has none. */
  readonly idOf: (message: Message) => string;
}

/**
 * Continues `request` after the message with the id in the header `Last-Event-ID`. Without one, it stays as it is. What it says
 * about its start itself is from when its stream was new, so the header counts. Throws INVALID_ARGUMENT `INVALID_HEADER` if the
 * id cannot be one of the method.
 */
export type CursorReader = (request: Message, lastEventId: string | undefined) => StreamCursor;

/** Compiles how the streams of a method are resumed: as its contract declares. */
export function compileCursor(method: DescMethod, registry: Registry): CursorReader {
  const resume = resumeOf(method, registry);
  if (resume === undefined) return refuseIds;
  const { after, cursor, limit } = resume;
  return (request, lastEventId) => {
    const last = lastEventId ? parseId(lastEventId) : { value: '', taken: 0 };
    const fields = reflect(method.input, request);
    // It may be one of several ways to start, of which the message has only one.
    if (lastEventId) fields.set(after, fieldValue(last.value, resume));
    const wanted = limit === undefined ? 0 : (fields.get(limit) as number);
    const keyOf = (message: Message) => escapeValue(String(Reflect.get(message, cursor.localName) ?? ''));
    if (limit === undefined || wanted <= 0) return { isComplete: false, idOf: keyOf };
    let { taken } = last;
    if (taken > 0) fields.set(limit, Math.max(0, wanted - taken));
    return {
      isComplete: taken >= wanted,
      idOf(message) {
        taken += 1;
        const key = keyOf(message);
        return key && `${key};${taken}`;
      },
    };
  };
}

const refuseIds: CursorReader = (_, lastEventId) => {
  if (lastEventId) throw invalidId('this stream has no ids: call it without the header, and it starts over');
  return { isComplete: false, idOf: () => '' };
};

// An id is the value of a field. If the request has a limit, the number of messages that count against it follows: `ada;17`. What
// cannot be in a header is escaped as in a URL.

const isPlain = /^[\x21-\x24\x26-\x3a\x3c-\x7e]*$/;
const escaped = /[^\x21-\x24\x26-\x3a\x3c-\x7e]/gu;
const idPattern = /^([\x21-\x3a\x3c-\x7e]+)(?:;(\d{1,10}))?$/;

function escapeValue(value: string): string {
  return isPlain.test(value) ? value : value.replaceAll(escaped, encodeURIComponent);
}

function parseId(id: string): { readonly value: string; readonly taken: number } {
  const [, value = '', taken = '0'] = idPattern.exec(id) ?? [];
  if (value === '') throw notAnId();
  try {
    return { value: decodeURIComponent(value), taken: Number(taken) };
  } catch {
    throw notAnId();
  }
}

/** The value of an id as the field of the request has it. The service validates it further. */
function fieldValue(text: string, { after }: Resume): string | number | bigint {
  if (after.scalar === ScalarType.STRING) return text;
  if (!/^\d{1,20}$/.test(text)) throw notAnId();
  const value = BigInt(text);
  switch (after.scalar) {
    case ScalarType.INT64:
      if (BigInt.asIntN(64, value) === value) return value;
      break;
    case ScalarType.UINT64:
      if (BigInt.asUintN(64, value) === value) return value;
      break;
    default:
      if (BigInt.asIntN(32, value) === value) return Number(value);
  }
  throw notAnId();
}

const notAnId = () => invalidId('it is not an id of this stream: send the id of the last event as it was received');
const invalidId = (problem: string) => invalidHeader('Last-Event-ID', problem);
