import { Status } from 'nice-grpc-common';
import type { FieldViolation } from '../contract/contract.ts';

/** What an error carries beside its code, reason and message. All of it but `cause` is sent to the caller. */
export interface MeshErrorOptions {
  /** Facts for programs, sent as the metadata of `google.rpc.ErrorInfo`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Broken rules of the request, sent as `google.rpc.BadRequest`. */
  readonly violations?: readonly FieldViolation[];
  /** How long to wait before trying again, sent as `google.rpc.RetryInfo`. */
  readonly retryAfterMs?: number;
  /** What led to it; for the log alone, never sent. */
  readonly cause?: unknown;
}

/**
 * The one error of the mesh. `code` drives policy (what is retried, what opens a breaker), `reason` (UPPER_SNAKE,
 * stable, listed in docs/errors.md) drives callers, `message` is for people: what happened, to what, what to do.
 */
export class MeshError extends Error {
  override readonly name = 'MeshError';
  readonly code: Status;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;

  constructor(code: Status, reason: string, message: string, options: MeshErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = reason;
    this.metadata = options.metadata ?? {};
    this.violations = options.violations ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The refusal of a request for the rules it breaks: INVALID_ARGUMENT `INVALID_FIELD`, all of them in one answer. */
export function invalidRequest(violations: readonly FieldViolation[]): MeshError {
  const list = violations.map((violation) => `${violation.field}: ${violation.description}`).join('; ');
  return new MeshError(Status.INVALID_ARGUMENT, 'INVALID_FIELD', `the request breaks its rules: ${list}`, {
    violations,
  });
}

/** The answer to a call whose time is over: DEADLINE_EXCEEDED `DEADLINE_EXCEEDED`. */
export function deadlineExceeded(path: string): MeshError {
  const text = `${path} did not finish within its deadline: look whether it took effect, or allow it more time`;
  return new MeshError(Status.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED', text);
}

/** The end of a call that its caller gave up: CANCELLED `CANCELLED`. */
export function cancelled(path: string): MeshError {
  return new MeshError(Status.CANCELLED, 'CANCELLED', `${path} was cancelled by its caller`);
}

/** The refusal of bytes that are no message of the method: INVALID_ARGUMENT `UNDECODABLE_MESSAGE`. */
export function undecodableMessage(path: string, cause: unknown): MeshError {
  const text = `the request is no message of ${path}: send what its contract defines`;
  return new MeshError(Status.INVALID_ARGUMENT, 'UNDECODABLE_MESSAGE', text, { cause });
}
