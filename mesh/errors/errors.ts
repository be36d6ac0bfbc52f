import { Status } from 'nice-grpc-common';
import { defineError, defineReason } from './define-error.ts';
import type { FieldViolation } from './field-violation.ts';
import type { MeshError } from './mesh-error.ts';

export const invalidFields = defineError({
  reason: 'INVALID_FIELD',
  code: Status.INVALID_ARGUMENT,
  means: 'the request violates rules of its contract',
  fix: 'fix each field that BadRequest names',
  text: ({ violations }: { readonly violations: readonly FieldViolation[] }) =>
    `invalid request: ${listed(violations)}`,
  metadata: () => ({}),
});

// The text lists the first ones. The details have as many as fit.
const maxListedCharacters = 1_000;

function listed(violations: readonly FieldViolation[]): string {
  const texts: string[] = [];
  let characters = 0;
  for (const { field, description } of violations) {
    const text = `${field}: ${description}`;
    characters += text.length;
    if (characters > maxListedCharacters && texts.length > 0) break;
    texts.push(text);
  }
  const left = violations.length - texts.length;
  return left === 0 ? texts.join('; ') : `${texts.join('; ')}; and ${left} more`;
}

/** Refuses a request with all the rules it violates: INVALID_ARGUMENT `INVALID_FIELD`. */
export function invalidRequest(violations: readonly FieldViolation[]): MeshError {
  return invalidFields({ violations }, { violations });
}

export const undecodableMessage = defineError({
  reason: 'UNDECODABLE_MESSAGE',
  code: Status.INVALID_ARGUMENT,
  means: 'the bytes cannot be decoded as the request message',
  fix: 'send what the contract defines',
  text: ({ path }: { readonly path: string }) =>
    `request of ${path} cannot be decoded: send the message that its contract defines`,
  metadata: () => ({}),
});

export const deadlineExceeded = defineError({
  reason: 'DEADLINE_EXCEEDED',
  code: Status.DEADLINE_EXCEEDED,
  means: 'the call did not finish within its deadline; it may have taken effect',
  fix: 'repeat it with the same `request_id`, or allow more time',
  text: ({ path }: { readonly path: string }) =>
    `${path} did not finish within its deadline: check whether it took effect, or allow more time`,
  metadata: () => ({}),
});

export const cancelled = defineError({
  reason: 'CANCELLED',
  code: Status.CANCELLED,
  means: 'the caller cancelled the call',
  fix: 'nothing',
  text: ({ path }: { readonly path: string }) => `${path} was cancelled by its caller`,
  metadata: () => ({}),
});

export const internal = defineError({
  reason: 'INTERNAL',
  code: Status.INTERNAL,
  means: 'an unexpected error',
  fix: "find the request id in the server's log",
  text: ({ requestId }: { readonly requestId: string }) =>
    `the server failed unexpectedly: its log has the cause under request id ${requestId}`,
  metadata: ({ requestId }) => ({ requestId }),
});

export const unknown = defineReason({
  reason: 'UNKNOWN',
  means: 'the peer returned no reason and an unknown code; for a known code the reason is its name',
  fix: 'see its text',
});

/** `thing` names the kind of resource in the text: "user". */
export const staleEtag = defineError({
  reason: 'STALE_ETAG',
  code: Status.ABORTED,
  means: 'the resource has changed since it was read',
  fix: 'read it again and retry',
  text: ({ thing, id, etag }: { readonly thing: string; readonly id: string; readonly etag: string }) =>
    `${thing} "${id}" has changed since version "${etag}": read it again and retry`,
  metadata: ({ id, etag }) => ({ id, etag }),
});

/** `thing` is what cannot be read: "event order.events/3/17", "mail job". */
export const undecodable = defineError({
  reason: 'UNDECODABLE',
  code: Status.INVALID_ARGUMENT,
  means: 'the event or task cannot be read',
  fix: 'fix its producer, then discard it',
  seenIn: 'dead letters',
  text: ({ thing, problem }: { readonly thing: string; readonly problem: string; readonly place?: string }) =>
    `${thing} cannot be read: ${problem}; fix its producer or discard it`,
  metadata: ({ place }) => (place === undefined ? {} : { place }),
});

export const eventTooLarge = defineError({
  reason: 'EVENT_TOO_LARGE',
  code: Status.INVALID_ARGUMENT,
  means: 'the event is larger than 1 MiB, or than the `max.message.bytes` of Kafka',
  fix: 'send a reference instead',
  text: (event: { readonly topic: string; readonly key: string; readonly bytes: number; readonly maxBytes: number }) =>
    `event ${event.key} for topic ${event.topic} has ${event.bytes} bytes, more than ${event.maxBytes}: send a reference instead`,
  metadata: ({ topic, key }) => ({ topic, key }),
});

export const rateLimited = defineError({
  reason: 'RATE_LIMITED',
  code: Status.RESOURCE_EXHAUSTED,
  means: 'the caller calls the method more often than its contract allows; the call was not started',
  fix: 'wait as long as RetryInfo says',
  text: ({ path, perSecond, burst }: { readonly path: string; readonly perSecond: number; readonly burst: number }) =>
    `${path} was not started: a caller may make ${perSecond} calls a second, ${burst} at once; call again later`,
  metadata: () => ({}),
});
