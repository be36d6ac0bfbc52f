import { BadRequest, ErrorInfo, RetryInfo } from '../../gen/ts/google/rpc/error_details.ts';
import { Status as RpcStatus } from '../../gen/ts/google/rpc/status.ts';
import type { FieldViolation } from './field-violation.ts';

/** The metadata key that carries a `google.rpc.Status`, as every gRPC library reads it. */
export const statusDetailsKey = 'grpc-status-details-bin';

/** Who gives the reasons of our errors: `ErrorInfo.domain`. */
export const errorDomain = 'ordermesh';

/** The machine-readable details of an error. */
export interface StatusDetails {
  /** UPPER_SNAKE and stable; empty when the peer gave none. */
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;
}

/**
 * Packs the details of an error as a `google.rpc.Status`: `ErrorInfo` always, `BadRequest` for broken rules,
 * `RetryInfo` for a time to wait.
 */
export function encodeStatusDetails(code: number, message: string, details: StatusDetails): Uint8Array {
  const packed = [
    any('ErrorInfo', ErrorInfo, { reason: details.reason, domain: errorDomain, metadata: details.metadata }),
  ];
  if (details.violations.length > 0) {
    const fieldViolations = details.violations.map((violation) => ({ ...violation, reason: '' }));
    packed.push(any('BadRequest', BadRequest, BadRequest.fromPartial({ fieldViolations })));
  }
  if (details.retryAfterMs !== undefined) {
    packed.push(any('RetryInfo', RetryInfo, { retryDelay: toDuration(details.retryAfterMs) }));
  }
  return RpcStatus.encode({ code, message, details: packed }).finish();
}

/**
 * Reads what `encodeStatusDetails`, or any other gRPC server, packed. Details that it does not know are left out, and
 * bytes that are no `google.rpc.Status` give empty details: an error is never hidden by a fault in its description.
 */
export function decodeStatusDetails(bytes: Uint8Array): StatusDetails {
  const read = { reason: '', metadata: {}, violations: [], retryAfterMs: undefined };
  try {
    return RpcStatus.decode(bytes).details.reduce<StatusDetails>(addDetail, read);
  } catch {
    return read;
  }
}

function addDetail(details: StatusDetails, { typeUrl, value }: { typeUrl: string; value: Uint8Array }): StatusDetails {
  switch (typeUrl.slice(typeUrl.lastIndexOf('/') + 1)) {
    case 'google.rpc.ErrorInfo': {
      const { reason, metadata } = ErrorInfo.decode(value);
      return { ...details, reason, metadata };
    }
    case 'google.rpc.BadRequest': {
      const violations = BadRequest.decode(value).fieldViolations;
      return { ...details, violations: violations.map(({ field, description }) => ({ field, description })) };
    }
    case 'google.rpc.RetryInfo':
      return { ...details, retryAfterMs: toMilliseconds(RetryInfo.decode(value).retryDelay) };
    default:
      return details;
  }
}

function any<Message>(name: string, type: { encode(message: Message): { finish(): Uint8Array } }, message: Message) {
  return { typeUrl: `type.googleapis.com/google.rpc.${name}`, value: type.encode(message).finish() };
}

function toDuration(ms: number): { seconds: bigint; nanos: number } {
  const whole = Math.max(0, Math.ceil(ms));
  return { seconds: BigInt(Math.floor(whole / 1000)), nanos: (whole % 1000) * 1_000_000 };
}

function toMilliseconds(delay: { seconds: bigint; nanos: number } | undefined): number | undefined {
  return delay && Number(delay.seconds) * 1000 + Math.ceil(delay.nanos / 1_000_000);
}
