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
  let bytes = bytesOf('…');
  let kept = '';
  for (const character of text) {
    bytes += bytesOf(character);
    if (bytes > maxBytes) break;
    kept += character;
  }
  return `${kept}…`;
}
