import { type HttpRefusal, httpRefusalOf } from '../../../http-refusal.ts';
import { fieldValue } from '../../http2/codec/field-rules.ts';
import type { MessageHead } from '../../http2/codec/message-head.ts';
import { type Compression, compressionFor, isKnownEncoding } from '../compression.ts';

/** What the fields of a request say about its call. Repeated fields share one object. */
export interface RequestHead {
  readonly path: string;
  /** How to answer it if it is not a gRPC call. */
  readonly httpRefusal: HttpRefusal | undefined;
  /** Whether the caller sends its body only after a response of 100. */
  readonly expectsContinue: boolean;
  /** The timeout of the call; `undefined` if there is none. */
  readonly timeoutMs: number | undefined;
  /** The value of `grpc-timeout` if it is invalid. */
  readonly badTimeout: string | undefined;
  /** The value of `grpc-encoding`. */
  readonly encoding: string | undefined;
  /** The value of `grpc-encoding` if it is not supported. */
  readonly unknownEncoding: string | undefined;
  /** The compression for replies; `undefined` if the caller supports none of those here. */
  readonly replyCompression: Compression | undefined;
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };
// The maximum delay of a system timer: 24.8 days.
const maxMs = 2_147_483_000;

export function callHeadOf(head: MessageHead): RequestHead {
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
    httpRefusal: httpRefusalOf(fieldValue(fields, ':method'), fieldValue(fields, 'content-type')),
    expectsContinue: fieldValue(fields, 'expect')?.toLowerCase() === '100-continue',
    timeoutMs,
    badTimeout: timeoutMs === undefined ? timeout : undefined,
    encoding,
    unknownEncoding: encoding === undefined || isKnownEncoding(encoding) ? undefined : encoding,
    replyCompression: compressionFor(fieldValue(fields, 'grpc-accept-encoding')),
  };
}

/** The milliseconds of a `grpc-timeout`, at most 24.8 days; `undefined` if it is invalid. */
function timeoutOf(text: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  const unit = unitMs[match?.[2] ?? ''];
  return match && unit !== undefined ? Math.min(Number(match[1]) * unit, maxMs) : undefined;
}
