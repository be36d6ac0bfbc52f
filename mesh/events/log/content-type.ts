/** The content of an event by its `content-type`. `problem` says why it cannot be read. */
export type ContentFormat =
  | { readonly is: 'json' | 'protobuf' }
  | { readonly is: 'unreadable'; readonly problem: string };

const protobufTypes: ReadonlySet<string> = new Set([
  'application/protobuf',
  'application/x-protobuf',
  'application/vnd.google.protobuf',
]);
const charsets: ReadonlySet<string> = new Set(['', 'utf-8', 'utf8', 'us-ascii', 'ascii']);
const known = 'send application/json or application/protobuf (with EventService/Publish: set json, not payload)';

type Headers = Readonly<Record<string, string>>;

/** Returns the text of the `content-type` header, in any case; `undefined` if there is none. */
export function contentTypeOf(headers: Headers): string | undefined {
  const text = headers['content-type'] ?? headers[nameOf(headers) ?? ''];
  return text?.trim() ? text : undefined;
}

/** Returns the media type of an event in lower case: `application/json` if it has none, as plain producers send it. */
export function mediaTypeOf(headers: Headers): string {
  const [type = ''] = (contentTypeOf(headers) ?? 'application/json').split(';');
  return type.trim().toLowerCase();
}

/** Returns how to read the value of an event. */
export function formatOf(headers: Headers): ContentFormat {
  const type = mediaTypeOf(headers);
  if (protobufTypes.has(type)) return { is: 'protobuf' };
  if (!isJsonType(type)) return { is: 'unreadable', problem: `its content type ${shown(type)} is unknown: ${known}` };
  const charset = /;\s*charset="?([^";\s]*)/i.exec(contentTypeOf(headers) ?? '')?.[1] ?? '';
  if (charsets.has(charset.toLowerCase())) return { is: 'json' };
  return { is: 'unreadable', problem: `its charset ${shown(charset)} is unknown: send UTF-8` };
}

function isJsonType(type: string): boolean {
  if (type.startsWith('application/cloudevents')) return false;
  return type === 'application/json' || type === 'text/json' || /^[^/]+\/[^/]+\+json$/.test(type);
}

function nameOf(headers: Headers): string | undefined {
  return Object.keys(headers).find((name) => name.toLowerCase() === 'content-type');
}

function shown(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
