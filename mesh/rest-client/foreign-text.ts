import { cutText } from '../errors/error-text.ts';

/**
 * Makes a text of a server one for errors and logs: without control characters, without the credentials that the server may have
 * sent back, and cut to `maxBytes`.
 */
export type TextCleaner = (text: string, maxBytes: number) => string;

/** Creates a cleaner that replaces these secrets. */
export function createTextCleaner(secrets: readonly string[]): TextCleaner {
  return (text, maxBytes) => {
    const open = secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text);
    return cutText(
      open
        .toWellFormed()
        .replaceAll(/\p{Cc}+/gu, ' ')
        .trim(),
      maxBytes,
    );
  };
}
