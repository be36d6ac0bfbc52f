import { fieldValue } from '../../http2/codec/field-rules.ts';
import type { MessageHead } from '../../http2/codec/message-head.ts';
import { type Compression, compressionFor, isKnownEncoding } from '../compression.ts';

/** What a request's fields say about its call; made once for fields that come again. */
export interface RequestHead {
  readonly path: string;
  readonly isPost: boolean;
  readonly isGrpc: boolean;
  /** How long the call may take, in milliseconds; `undefined`: it does not say. */
  readonly timeoutMs: number | undefined;
  /** What stands in `grpc-timeout` when that is no timeout. */
  readonly badTimeout: string | undefined;
  /** What compressed messages are compressed with; `undefined`: it does not say. */
  readonly encoding: string | undefined;
  /** A `grpc-encoding` that is not known here. */
  readonly unknownEncoding: string | undefined;
  /** What replies may be compressed with; `undefined`: the caller takes nothing that we have. */
  readonly replyCompression: Compression | undefined;
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };
// The longest that a timer of the system can wait: 24.8 days.
const longestMs = 2_147_483_000;

/** Reads the fields of a request. */
export function requestHeadOf(head: MessageHead): RequestHead {
  const known = head.derived as RequestHead | undefined;
  if (known !== undefined) return known;
  const made = readHead(head.list.fields);
  head.derived = made;
  return made;
}

function readHead(fields: readonly string[]): RequestHead {
  const timeout = fieldValue(fields, 'grpc-timeout');
  const timeoutMs = timeout === undefined ? undefined : timeoutOf(timeout);
  const encoding = fieldValue(fields, 'grpc-encoding');
  return {
    path: fieldValue(fields, ':path') ?? '',
    isPost: fieldValue(fields, ':method') === 'POST',
    isGrpc: /^application\/grpc(?:$|[+;])/.test(fieldValue(fields, 'content-type') ?? ''),
    timeoutMs,
    badTimeout: timeoutMs === undefined ? timeout : undefined,
    encoding,
    unknownEncoding: encoding === undefined || isKnownEncoding(encoding) ? undefined : encoding,
    replyCompression: compressionFor(fieldValue(fields, 'grpc-accept-encoding')),
  };
}

/** The milliseconds of a `grpc-timeout`, at most 24.8 days; `undefined` when it is none in gRPC's syntax. */
function timeoutOf(text: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  const unit = unitMs[match?.[2] ?? ''];
  return match && unit !== undefined ? Math.min(Number(match[1]) * unit, longestMs) : undefined;
}
