import { isUtf8 } from 'node:buffer';

/** Headers that RabbitMQ adds; they are not the sender's. */
const brokerHeaders = /^x-((first-|last-)?death|delivery-count)/;

/** Returns the value of a header as text: other programs may send numbers, bytes, tables, ... Never throws. Empty if missing. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  if (Buffer.isBuffer(value)) return isUtf8(value) ? value.toString() : value.toString('base64');
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    // A table nested thousands of levels deep.
    return '';
  }
}

/** Returns an integer from 0 to `max`, which may be text; `undefined` for anything else. */
export function countOf(value: unknown, max: number): number | undefined {
  const count = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
  return typeof count === 'number' && Number.isInteger(count) && count >= 0 && count <= max ? count : undefined;
}

/** Returns a stamp of up to 64 visible ASCII characters; `undefined` for anything else. */
export function stampTextOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\x21-\x7e]{1,64}$/.test(value) ? value : undefined;
}

/** Returns the sender's headers, all as text. */
export function headersOf(
  raw: Readonly<Record<string, unknown>>,
  { contentType, except }: { readonly contentType: unknown; readonly except: ReadonlySet<string> },
): Readonly<Record<string, string>> {
  const own = Object.entries(raw)
    .filter(([name]) => !except.has(name) && !brokerHeaders.test(name))
    .map(([name, value]): [string, string] => [name, textOf(value)]);
  return Object.fromEntries(typeof contentType === 'string' ? [['content-type', contentType], ...own] : own);
}
