import { invalidHeader } from './errors.ts';

/** An entity tag of RFC 9110: `"7"`, or the weak `W/"7"`. */
export interface EntityTag {
  /** What is between the quotes. */
  readonly tag: string;
  readonly isWeak: boolean;
}

/** The condition in `If-Match` or `If-None-Match`: any representation, or one with a tag of the list. */
export type TagCondition = '*' | readonly EntityTag[];

/** A compressed answer is another representation, so its strong tag differs (RFC 9110, 8.8.3.3). */
const zippedSuffix = '-gzip';

/** No two parts of it match the same text, so a long header takes no longer than it must. */
const element = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*)?(?:,|$)/y;

/** Writes the `ETag` of an answer: strong, and marked if the answer is compressed. */
export function entityTag(etag: string, isZipped: boolean): string {
  return `"${etag}${isZipped ? zippedSuffix : ''}"`;
}

/** Reads a condition. Throws INVALID_ARGUMENT `INVALID_HEADER` with the name of the header if it is not valid. */
export function readTagCondition(header: string, value: string): TagCondition {
  const text = value.trim();
  if (text === '*') return '*';
  const tags: EntityTag[] = [];
  element.lastIndex = 0;
  while (element.lastIndex < text.length) {
    const match = element.exec(text);
    if (match === null) throw malformed(header);
    const [, weak, tag] = match;
    if (tag !== undefined) tags.push({ tag: stripped(tag), isWeak: weak !== undefined });
  }
  if (tags.length === 0) throw malformed(header);
  return tags;
}

/** The tags that are the same bytes for sure. An empty one names no version of ours. */
export function strongTags(tags: readonly EntityTag[]): string[] {
  return [...new Set(tags.flatMap(({ tag, isWeak }) => (isWeak || tag === '' ? [] : [tag])))];
}

/** Whether a condition has the tag, weak or strong. An answer without one has no tag that could be equal. */
export function hasTag(condition: TagCondition, etag: string): boolean {
  return condition === '*' || (etag !== '' && condition.some(({ tag }) => tag === etag));
}

function stripped(tag: string): string {
  return tag.endsWith(zippedSuffix) ? tag.slice(0, -zippedSuffix.length) : tag;
}

function malformed(header: string) {
  return invalidHeader(header, 'give entity tags in quotes, separated by commas, such as "7", or *');
}
