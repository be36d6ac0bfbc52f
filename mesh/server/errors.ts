import { Status } from 'nice-grpc-common';
import { noEndpoints } from '../discovery/errors.ts';
import { defineError, defineReason } from '../errors/define-error.ts';

export const serverDraining = defineError({
  reason: 'SERVER_DRAINING',
  code: Status.UNAVAILABLE,
  means: 'the server is stopping',
  fix: 'call again, and resume a stream where it ended',
  text: 'the server is stopping: call again, and resume where this stream ended',
});

export const noneReachable = noEndpoints.variant({
  text: ({ service, problem }: { readonly service: string; readonly problem: string }) =>
    `no instance of ${service} took the call (the last: ${problem})`,
  publicText: ({ service }) => `no instance of ${service} takes calls: retry later`,
  metadata: ({ service }) => ({ service }),
});

export const serverOverloaded = defineError({
  reason: 'SERVER_OVERLOADED',
  code: Status.RESOURCE_EXHAUSTED,
  means: 'more calls wait or run than the server accepts; the call was not started',
  fix: 'wait as long as RetryInfo says',
  text: ({ path, limit }: { readonly path: string; readonly limit: string }) =>
    `the server is overloaded, so ${path} was not started: call again later; it reached ${limit}`,
  publicText: ({ path }) => `the server is overloaded, so ${path} was not started: call again later`,
  metadata: () => ({}),
});

export const requestIdMissing = defineError({
  reason: 'REQUEST_ID_MISSING',
  code: Status.ABORTED,
  means: 'the client of the caller repeated a change that has no `request_id`, so it may have taken effect already',
  fix: 'check whether it did; set a `request_id` on every change',
  text: ({ path }: { readonly path: string }) =>
    `${path} was repeated without a request_id: check whether it took effect, then call again with a request_id`,
  metadata: () => ({}),
});

export const unknownService = defineError({
  reason: 'UNKNOWN_SERVICE',
  code: Status.NOT_FOUND,
  means: 'this server does not have the service whose health was requested',
  fix: 'list its services with `grpc.health.v1.Health/List`',
  text: ({ service }: { readonly service: string }) =>
    `service "${service}" not found on this server: list its services with grpc.health.v1.Health/List`,
  metadata: () => ({}),
});

export const notCheckedYet = defineReason({
  reason: 'NOT_CHECKED_YET',
  means: 'the process is starting and has not checked it yet',
  fix: 'wait',
  seenIn: 'health',
});
