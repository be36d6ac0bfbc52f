import { memberAt, textAt } from '../json-members.ts';

/** What a watch reports, one JSON object a line. */
export type WatchEvent =
  | { readonly kind: 'changed' | 'deleted'; readonly name: string; readonly object: unknown }
  /** Nothing has changed. It has a version and no object: it never means that there is none. */
  | { readonly kind: 'bookmark' }
  /** An error inside of an answer with status 200. `code` is that of HTTP. */
  | { readonly kind: 'error'; readonly code: number; readonly text: string };

const kinds: Readonly<Record<string, 'changed' | 'deleted'>> = {
  ADDED: 'changed',
  MODIFIED: 'changed',
  DELETED: 'deleted',
};

/** Reads a line of a watch; `undefined` if it is not an event. */
export function parseEvent(line: string): WatchEvent | undefined {
  const event = parse(line);
  const type = textAt(event, 'type') ?? '';
  const object = memberAt(event, 'object');
  if (type === 'BOOKMARK') return { kind: 'bookmark' };
  if (type === 'ERROR') {
    const code = Number(memberAt(object, 'code'));
    const text = textAt(object, 'message') ?? textAt(object, 'reason') ?? '';
    return { kind: 'error', code, text: text.slice(0, 200) };
  }
  const name = textAt(object, 'metadata', 'name');
  const kind = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  return kind && name !== undefined ? { kind, name, object } : undefined;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
