import type { HeaderList } from '../hpack/header-list.ts';
import { fieldValue, hasOneValue, requestFault, responseFault, trailersFault } from './field-rules.ts';

/** What is known about the fields of a message. A repeated list of fields has the same head object. */
export interface MessageHead {
  readonly list: HeaderList;
  /** What is wrong with the fields; `undefined` if nothing is. */
  readonly fault: string | undefined;
  /** The announced length of the body. */
  readonly contentLength: number | undefined;
  /** Whether it is an informational response (1xx), which comes before the final one. */
  readonly informational: boolean;
  /** What the reader of the message derived from it. */
  derived: unknown;
}

export function requestHeadOf(list: HeaderList): MessageHead {
  return headOf(list, requestFault);
}

export function responseHeadOf(list: HeaderList): MessageHead {
  return headOf(list, responseFault);
}

export function trailersHeadOf(list: HeaderList): MessageHead {
  return headOf(list, trailersFault);
}

interface Kept {
  readonly by: (fields: readonly string[]) => string | undefined;
  readonly head: MessageHead;
}

function headOf(list: HeaderList, faultOf: (fields: readonly string[]) => string | undefined): MessageHead {
  const kept = list.derived as Kept | undefined;
  if (kept !== undefined && kept.by === faultOf) return kept.head;
  const { fields } = list;
  const length = fieldValue(fields, 'content-length');
  const contentLength = length === undefined ? undefined : Number(length);
  const badLength = length !== undefined && !(/^\d{1,15}$/.test(length) && hasOneValue(fields, 'content-length'));
  const head: MessageHead = {
    list,
    // A list that is too large has no fields. The reader of the message refuses it for that.
    fault: list.tooLarge
      ? undefined
      : (faultOf(fields) ?? (badLength ? 'content-length is not one number' : undefined)),
    contentLength,
    informational: fieldValue(fields, ':status')?.startsWith('1') ?? false,
    derived: undefined,
  };
  list.derived = { by: faultOf, head } satisfies Kept;
  return head;
}
