/** What RFC 3986 allows in a segment, and the slash between those of a variable with several. */
const pathText = /^[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*$/;
const visibleAscii = /^[\x21-\x7e]*$/;

/**
 * Decodes what a path has in the place of a variable. A variable with several segments keeps `%2F`, so a slash of its text
 * stays apart from one between segments. `undefined` if an escape is invalid, does not give UTF-8 or gives NUL, or if a
 * character had to be escaped.
 */
export function decodePathText(raw: string, isMultiSegment: boolean): string | undefined {
  if (!pathText.test(raw)) return undefined;
  if (!raw.includes('%')) return raw;
  const text = isMultiSegment ? decodeBetweenSlashes(raw) : decode(raw);
  return text?.includes('\0') ? undefined : text;
}

/** Decodes a name or value of a query, where `+` is a space. `undefined` if it is not valid. */
export function decodeQueryText(raw: string): string | undefined {
  if (!visibleAscii.test(raw)) return undefined;
  return decode(raw.includes('+') ? raw.replaceAll('+', ' ') : raw);
}

function decodeBetweenSlashes(raw: string): string | undefined {
  const parts = raw.split(/(%2f)/i).map((part) => (/^%2f$/i.test(part) ? part : decode(part)));
  return parts.includes(undefined) ? undefined : parts.join('');
}

function decode(raw: string): string | undefined {
  if (!raw.includes('%')) return raw;
  try {
    return decodeURIComponent(raw);
  } catch {
    return undefined;
  }
}
