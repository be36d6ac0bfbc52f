import { MeshError } from './mesh-error.ts';

/** Returns the message of what was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Returns the text of an error for callers, who must not see addresses, files or SQL. */
export function publicTextOf({ publicText, message }: MeshError): string {
  return publicText ?? message;
}

/** Returns the reason and the message of what was thrown. `unexpected` is the reason of anything but a MeshError. */
export function describeError(
  error: unknown,
  unexpected: { readonly reason: string },
): { readonly reason: string; readonly message: string } {
  return { reason: error instanceof MeshError ? error.reason : unexpected.reason, message: messageOf(error) };
}

/** Returns the messages of an error and its causes, without what a cause repeats. */
export function withCauses({ message, cause }: Error): string {
  const because = cause instanceof Error ? withCauses(cause) : '';
  if (because === '' || message.includes(because)) return message;
  return because.includes(message) ? because : `${message}: ${because}`;
}

/**
 * Returns the text if it has at most `maxBytes`; else its beginning, cut between two characters, and `…`. `bytesOf` returns the
 * bytes of a text. Default: those of UTF-8.
 */
export function cutText(text: string, maxBytes: number, bytesOf: (text: string) => number = Buffer.byteLength): string {
  if (bytesOf(text) <= maxBytes) return text;
  const roomBytes = maxBytes - bytesOf('…');
  let fitting = 0;
  let tooLong = Math.min(text.length, maxBytes + 1);
  // By halves, because `bytesOf` is much faster for a long text than for each of its characters.
  while (tooLong - fitting > 1) {
    const middle = Math.floor((fitting + tooLong) / 2);
    if (bytesOf(beginningOf(text, middle)) <= roomBytes) fitting = middle;
    else tooLong = middle;
  }
  return `${beginningOf(text, fitting)}…`;
}

/** Returns the first `length` code units of a text, without half a character at the end. */
function beginningOf(text: string, length: number): string {
  const last = text.charCodeAt(length - 1);
  const isHalf = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, isHalf ? length - 1 : length);
}
