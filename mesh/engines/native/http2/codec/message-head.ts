import type { HeaderList } from '../hpack/header-list.ts';
import { fieldValue, requestFault, responseFault, trailersFault } from './field-rules.ts';

/** What is known of the fields of a message. A list of fields that comes again has the same head. */
export interface MessageHead {
  readonly list: HeaderList;
  /** What is wrong with the fields; `undefined`: nothing. */
  readonly fault: string | undefined;
  /** How long the body is to be, when that was announced. */
  readonly contentLength: number | undefined;
  /** Whether it is a response that comes before the response. */
  readonly informational: boolean;
  /** A slot in which the reader of the message keeps what it made of it. */
  derived: unknown;
}

/** The head of a request. */
export function requestHeadOf(list: HeaderList): MessageHead {
  return headOf(list, requestFault);
}

/** The head of a response. */
export function responseHeadOf(list: HeaderList): MessageHead {
  return headOf(list, responseFault);
}

/** The head of trailers. */
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
  const badLength = length !== undefined && !/^\d{1,15}$/.test(length);
  const head: MessageHead = {
    list,
    // What was too much to be kept has no fields: whoever reads the message has to refuse it for that.
    fault: list.tooLarge ? undefined : (faultOf(fields) ?? (badLength ? 'content-length is no number' : undefined)),
    contentLength,
    informational: fieldValue(fields, ':status')?.startsWith('1') ?? false,
    derived: undefined,
  };
  list.derived = { by: faultOf, head } satisfies Kept;
  return head;
}
