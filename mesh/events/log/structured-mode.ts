import { mediaTypeOf } from './content-type.ts';
import type { StoredEvent } from './event-log.ts';

const structuredType = 'application/cloudevents+json';

/**
 * Returns a CloudEvent in the structured mode (its attributes and data are one JSON object) as it is in the binary mode: the
 * attributes in headers, the data as value. Returns any other event unchanged, and one that is not a valid CloudEvent.
 */
export function toBinaryMode(event: StoredEvent): StoredEvent {
  if (mediaTypeOf(event.headers) !== structuredType) return event;
  const envelope = parseObject(event.value);
  if (!envelope || !['id', 'source', 'type'].every((name) => isText(envelope[name]))) return event;
  const { data, data_base64: bytes, datacontenttype, ...attributes } = envelope;
  const contentType = isText(datacontenttype) ? datacontenttype : 'application/json';
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(event.headers)) {
    if (name.toLowerCase() !== 'content-type') headers[name] = value;
  }
  for (const [name, value] of Object.entries(attributes)) {
    if (['string', 'number', 'boolean'].includes(typeof value)) headers[`ce_${name}`] = String(value);
  }
  if (isText(attributes.traceparent)) headers.traceparent = attributes.traceparent;
  headers['content-type'] = contentType;
  return { ...event, headers, value: contentOf(data, bytes, mediaTypeOf(headers)) };
}

function contentOf(data: unknown, bytes: unknown, type: string): Uint8Array {
  if (isText(bytes)) return Buffer.from(bytes, 'base64');
  if (data === undefined) return new Uint8Array();
  const isJson = type === 'application/json' || type.endsWith('+json');
  return Buffer.from(typeof data === 'string' && !isJson ? data : JSON.stringify(data));
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function parseObject(value: Uint8Array): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(value));
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : undefined;
  } catch (error) {
    // Bytes that are not UTF-8, or text that is not JSON.
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}
