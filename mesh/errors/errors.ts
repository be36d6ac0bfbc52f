import { Status } from 'nice-grpc-common';
import { defineError } from './define-error.ts';

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
