import { cutText } from './error-text.ts';
import type { FieldViolation } from './field-violation.ts';
import { encodeStatusDetails, type StatusDetails, statusDetailsKey } from './status-details.ts';
import { base64Bytes, bytesOfFields } from './wire-status.ts';

/** A text for `grpc-message`, and the details that repeat it. */
export interface FittingStatus {
  readonly text: string;
  /** A `google.rpc.Status`. Empty if even the reason does not fit. */
  readonly packed: Uint8Array;
}

// The first bounds that fit are used: descriptions are shortened before violations are left out.
const textBytes = 700;
const factBytes = 1_000;
const fieldBytes = 100;
const descriptionBytes = [120, 60, 30];
// More than can fit.
const maxViolations = 256;
// The tag and the length of a text in the details, as base64.
const textFieldBytes = 5;

/** Shortens the text and the details of an error until both, encoded, fit `maxBytes`. */
export function fitStatus(code: number, message: string, details: StatusDetails, maxBytes: number): FittingStatus {
  const pack = (text: string, fitting: StatusDetails) => ({ text, packed: encodeStatusDetails(code, text, fitting) });
  const fits = (status: FittingStatus) => bytesOf(status) <= maxBytes;
  const full = message.slice(0, maxBytes + 1).toWellFormed();
  const short = cutText(full, textBytes, percentEncodedBytes);
  const fitting = fittingDetails(details, (some) => !hasMore(some, maxBytes) && fits(pack(short, some)));
  if (fitting) {
    const whole = pack(full, fitting);
    return fits(whole) ? whole : pack(longest(short, full, maxBytes - bytesOf(pack('', fitting))), fitting);
  }
  const bare = { ...details, metadata: {}, violations: [] };
  return [pack(short, bare), pack('', bare)].find(fits) ?? { text: '', packed: new Uint8Array() };
}

/** Returns the details, shortened as little as needed; `undefined` if they cannot be shortened enough. */
function fittingDetails(details: StatusDetails, fits: (details: StatusDetails) => boolean): StatusDetails | undefined {
  if (fits(details)) return details;
  const shorter = { ...details, metadata: fittingFacts(details.metadata) };
  if (fits(shorter)) return shorter;
  const withViolations = (violations: readonly FieldViolation[]) => ({ ...shorter, violations });
  const first = details.violations.slice(0, maxViolations);
  let shortest: readonly FieldViolation[] = [];
  for (const bytes of descriptionBytes) {
    shortest = first.map((violation) => shortened(violation, bytes));
    if (shortest.length === details.violations.length && fits(withViolations(shortest)))
      return withViolations(shortest);
  }
  const firstOnly = (count: number) => withViolations(withRest(shortest.slice(0, count), details.violations.length));
  const count = greatest(0, first.length, (some) => fits(firstOnly(some)));
  return fits(firstOnly(count)) ? firstOnly(count) : undefined;
}

function shortened({ field, description }: FieldViolation, bytes: number): FieldViolation {
  return { field: cutText(field, fieldBytes), description: cutText(description, bytes) };
}

function withRest(violations: readonly FieldViolation[], total: number): readonly FieldViolation[] {
  if (violations.length === total) return violations;
  return [...violations, { field: '', description: `and ${total - violations.length} more violations` }];
}

/** Facts may hold what the caller sent, of any length: what does not fit is left out, and counted in `omitted`. */
function fittingFacts(metadata: StatusDetails['metadata']): StatusDetails['metadata'] {
  const entries = Object.entries(metadata);
  let bytes = 0;
  const fitting = entries.filter(([key, value]) => {
    const entryBytes = Buffer.byteLength(key) + Buffer.byteLength(value);
    const isFitting = bytes + entryBytes <= factBytes;
    if (isFitting) bytes += entryBytes;
    return isFitting;
  });
  if (fitting.length === entries.length) return metadata;
  return { ...Object.fromEntries(fitting), omitted: String(entries.length - fitting.length) };
}

/** Returns the longest cut of `full` that takes at most `maxBytes`, in `grpc-message` and in the details; at least `short`. */
function longest(short: string, full: string, maxBytes: number): string {
  const bytesOfBoth = (text: string) => percentEncodedBytes(text) + (Buffer.byteLength(text) * 4) / 3;
  const cut = cutText(full, maxBytes - textFieldBytes, bytesOfBoth);
  return cut.length > short.length ? cut : short;
}

/** Returns the greatest number for which `holds`. It holds for `low` and, if for a number, for all smaller ones. */
function greatest(low: number, high: number, holds: (value: number) => boolean): number {
  if (low >= high) return low;
  const middle = Math.ceil((low + high) / 2);
  return holds(middle) ? greatest(middle, high, holds) : greatest(low, middle - 1, holds);
}

/** Whether the texts of these details alone have more characters than that. Cheap, for details of any size. */
function hasMore({ metadata, violations }: StatusDetails, maxCharacters: number): boolean {
  if (violations.length > maxViolations) return true;
  const texts = [
    ...Object.entries(metadata).flat(),
    ...violations.flatMap(({ field, description }) => [field, description]),
  ];
  return texts.reduce((sum, text) => sum + text.length, 0) > maxCharacters;
}

function bytesOf({ text, packed }: FittingStatus): number {
  const names = bytesOfFields([
    ['grpc-message', ''],
    [statusDetailsKey, ''],
  ]);
  return names + percentEncodedBytes(text) + base64Bytes(packed.length);
}

/** As grpc-js encodes it, which is longer than what the native engine sends. */
function percentEncodedBytes(text: string): number {
  return encodeURI(text).length;
}
