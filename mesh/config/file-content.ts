/** What no name of a file has: lines, PEM, JSON, a URL. */
const notInPaths = /[\r\n{}]|-----BEGIN|:\/\//;

/** Base64 of a key, on one line. Paths that long begin at a root or have a dot. */
const encoded = /^[A-Za-z0-9+=_-][A-Za-z0-9+/=_-]{99,}$/;

/** As libpq has it. */
const password = /(?:pass|pwd|secret|token)\w*\s*=/i;

/** What a fault says of a setting that has the content of a file, which may be a secret. */
export const contentProblem =
  'has the content of a file (not shown here) in place of its path: write it to a file, and name that';

/**
 * Whether a text that should be the path of a file is most likely its content, such as a private key or a
 * URL with a password.
 */
export function isFileContent(text: string): boolean {
  return notInPaths.test(text) || encoded.test(text) || password.test(text);
}
