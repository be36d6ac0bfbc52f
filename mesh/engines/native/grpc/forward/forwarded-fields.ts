import type { FieldChanges } from '../../../forwarding.ts';
import { requestIdKey } from '../../../request-id.ts';
import type { HeaderList } from '../../http2/hpack/header-list.ts';
import { entryBytes } from '../../http2/hpack/tables/dynamic-table.ts';

/** The fields of a request as they are forwarded. */
export interface ForwardedFields {
  /** Those that most calls to a method share. */
  readonly fixed: readonly string[];
  /** The others, without `grpc-timeout`. */
  readonly own: readonly string[];
}

/** Fields that the gateway writes itself, or that concern only the connection with the caller. */
const dropped: ReadonlySet<string> = new Set([
  ':method',
  ':scheme',
  'te',
  'grpc-timeout',
  'content-length',
  'expect',
  requestIdKey,
]);
const shared: ReadonlySet<string> = new Set([
  ':path',
  ':authority',
  'content-type',
  'user-agent',
  'grpc-encoding',
  'grpc-accept-encoding',
]);

export interface ForwardedFieldsRules {
  /** The caller's, or a new one, which is added if the fields then still have at most `maxBytes`. */
  readonly requestId: string;
  readonly scheme: string;
  readonly maxBytes: number;
  readonly changes?: FieldChanges | undefined;
}

/** Splits the fields of a request, which stay as they arrived, but for `changes`: metadata is not decoded. */
export function forwardedFields(
  { fields, bytes }: Pick<HeaderList, 'fields' | 'bytes'>,
  { requestId, scheme, maxBytes, changes }: ForwardedFieldsRules,
): ForwardedFields {
  const fixed = [':method', 'POST', ':scheme', scheme];
  const own: string[] = [];
  let hasId = false;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (name === requestIdKey) hasId = true;
    if (!dropped.has(name) && !changes?.removed.has(name))
      (shared.has(name) ? fixed : own).push(name, fields[index + 1] as string);
  }
  fixed.push('te', 'trailers');
  if (changes) own.push(...changes.added);
  if (hasId || bytes + entryBytes(requestIdKey, requestId) <= maxBytes) own.push(requestIdKey, requestId);
  return { fixed, own };
}
