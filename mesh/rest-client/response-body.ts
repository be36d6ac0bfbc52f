/** A response as it came. */
export interface RawResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** Decompressed; empty for HEAD. */
  readonly body: Buffer;
}

/** What a body says, or what is wrong with it. */
export type ParsedBody = { readonly json: unknown } | { readonly problem: string };

/** Parses a body as JSON in UTF-8, whatever its size; an empty one is `undefined`. */
export function parseBody({ headers, body }: RawResponse): ParsedBody {
  if (body.length === 0) return { json: undefined };
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return { problem: `unknown content-encoding ${encoding}` };
  const type = mediaType(headers);
  if (type !== 'application/json' && !type.endsWith('+json'))
    return { problem: `${type || 'no type'} instead of JSON` };
  try {
    return { json: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) };
  } catch (error) {
    return { problem: error instanceof SyntaxError ? 'malformed JSON' : 'JSON that is not in UTF-8' };
  }
}

/** Returns a body that is plain text; empty for all others. */
export function plainText({ headers, body }: RawResponse): string {
  return mediaType(headers) === 'text/plain' ? body.toString() : '';
}

function mediaType(headers: RawResponse['headers']): string {
  return headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}
