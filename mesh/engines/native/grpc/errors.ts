import { Status } from 'nice-grpc-common';
import { defineError } from '../../../errors/define-error.ts';

export const messageTooLarge = defineError({
  reason: 'MESSAGE_TOO_LARGE',
  code: Status.RESOURCE_EXHAUSTED,
  means: 'native engine: a message is larger than 4 MiB',
  fix: 'send less at a time',
  text: ({ maxBytes }: { readonly maxBytes: number }) =>
    `message is larger than ${maxBytes} bytes: send less at a time`,
  metadata: () => ({}),
});

export const undecompressable = defineError({
  reason: 'UNDECOMPRESSABLE',
  code: Status.INTERNAL,
  means: 'native engine: a compressed message cannot be decompressed',
  fix: 'check its sender',
  text: ({ problem }: { readonly problem: string }) =>
    `compressed message cannot be decompressed: ${problem}; check its sender`,
  metadata: () => ({}),
});

export const wrongRequestCount = defineError({
  reason: 'WRONG_REQUEST_COUNT',
  code: Status.UNIMPLEMENTED,
  means: 'native engine: a method with one request got none, or more than one',
  fix: 'check that both sides have the same contract',
  text: ({ path, count }: { readonly path: string; readonly count: 'no message' | 'more than one message' }) =>
    `request of ${path} has ${count}: the method expects exactly one; check that both sides have the same contract`,
  metadata: () => ({}),
});

export const unknownFlag = defineError({
  reason: 'UNKNOWN_FLAG',
  code: Status.INTERNAL,
  means: 'native engine: a message does not begin with 0 (plain) or 1 (compressed)',
  fix: 'fix the client',
  text: ({ flag }: { readonly flag: number }) =>
    `message begins with the unknown flag ${flag}: send 0 for a plain message, or 1 for a compressed one`,
  metadata: () => ({}),
});

/** Waiting would not help: what waits cannot be completed. */
export const tooMuchUnfinished = defineError({
  reason: 'TOO_MUCH_UNFINISHED',
  code: Status.RESOURCE_EXHAUSTED,
  means: 'native engine: the calls of a connection hold more than 24 MiB of incomplete messages',
  fix: 'send fewer large messages at a time',
  text: ({ path }: { readonly path: string }) =>
    `request of ${path} was ended: the calls of this connection hold more than 24 MiB of incomplete messages; send fewer large messages at a time`,
  metadata: () => ({}),
});

export const requestIncomplete = defineError({
  reason: 'REQUEST_INCOMPLETE',
  code: Status.DEADLINE_EXCEEDED,
  means: 'native engine: a request of one message did not arrive completely within 60 s',
  fix: 'send all of it and end it',
  text: ({ path, timeoutMs }: { readonly path: string; readonly timeoutMs: number }) =>
    `request of ${path} did not arrive completely within ${timeoutMs} ms: send all of it and end it`,
  metadata: () => ({}),
});
