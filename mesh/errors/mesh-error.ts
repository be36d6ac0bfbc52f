import type { Status } from 'nice-grpc-common';
import type { FieldViolation } from './field-violation.ts';

/** Optional fields of an error. All but `cause` and `host` are sent to the caller, in the details or as its text. */
export interface MeshErrorOptions {
  /** Facts for programs, sent as the metadata of `google.rpc.ErrorInfo`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Broken rules of the request, sent as `google.rpc.BadRequest`. */
  readonly violations?: readonly FieldViolation[];
  /** How long to wait before trying again, in milliseconds, sent as `google.rpc.RetryInfo`. It is made one that fits there. */
  readonly retryAfterMs?: number;
  /** What callers get instead of the message, if that names addresses, files or SQL. */
  readonly publicText?: string | undefined;
  /** What led to it; for the log alone, never sent. */
  readonly cause?: unknown;
  /** `host:port` of the server at fault, if a process has several of its kind; for the log alone, never sent. */
  readonly host?: string | undefined;
}

/** The longest time of a `google.protobuf.Duration`, which is 10,000 years. */
const maxRetryAfterMs = 315_576_000_000_000;

/**
 * The one error of the mesh. `code` drives policy (what is retried, what opens a breaker), `reason` (UPPER_SNAKE,
 * stable, listed in docs/errors.md) drives callers, `message` is for people: what happened, to what, what to do. Callers of a
 * server get `publicText` instead of the message if there is one.
 */
export class MeshError extends Error {
  override readonly name = 'MeshError';
  readonly code: Status;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;
  readonly publicText: string | undefined;
  readonly host: string | undefined;

  constructor(code: Status, reason: string, message: string, options: MeshErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = reason;
    this.metadata = options.metadata ?? {};
    this.violations = options.violations ?? [];
    this.retryAfterMs = sendableTime(options.retryAfterMs);
    this.publicText = options.publicText;
    this.host = options.host;
  }
}

/** Others name the time, too, and may name any number. */
function sendableTime(ms: number | undefined): number | undefined {
  if (ms === undefined || Number.isNaN(ms)) return undefined;
  return Math.min(Math.max(0, Math.ceil(ms)), maxRetryAfterMs);
}

/** The same failure with another text and other metadata, for a place that knows more about it. */
export function reworded(error: MeshError, text: string, options: MeshErrorOptions): MeshError {
  return new MeshError(error.code, error.reason, text, { publicText: error.publicText, host: error.host, ...options });
}
