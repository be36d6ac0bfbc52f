/** What no path has: lines, PEM, a URL. */
const notInPaths = /[\r\n]|-----BEGIN|:\/\//;

/** Where a path begins at the root, or at this or the folder above. */
const rooted = /^\.{0,2}\//;

/** Base64 of a key, on one line: that of an Ed25519 key has 64 characters. */
const encoded = /^[A-Za-z0-9+/=_-]{60,}$/;

/** JSON, or a password as libpq has it. */
const secret = /[{}]|(?:pass|pwd|secret|token)\w*\s*=/i;

/** What a fault says of a setting that has the content of a file, which may be a secret. */
export const contentProblem =
  'has the content of a file (not shown here) in place of its path: write it to a file, and name that';

/**
 * Whether a text that should be the path of a file is most likely its content, such as a private key or a
 * URL with a password. What begins as a path is one.
 */
export function isFileContent(text: string): boolean {
  return notInPaths.test(text) || (!rooted.test(text) && (encoded.test(text) || secret.test(text)));
}
