import { UserEvent } from '#gen/user/v1/events.ts';
import { type DomainEvent, defineTopic } from '#mesh';
import { toProto } from './proto.ts';
import type { User } from './user.ts';

/** Every change of a user, keyed by the user's id. */
export const userTopic = defineTopic('user.events', UserEvent, {
  key: ({ userId }) => userId,
  version: ({ version }) => version,
});

/** `USER_CREATED` */
export function userCreated(user: User): DomainEvent {
  return userEvent('USER_CREATED', user, user.version, user.updateTimeMs);
}

/** `USER_UPDATED` */
export function userUpdated(user: User): DomainEvent {
  return userEvent('USER_UPDATED', user, user.version, user.updateTimeMs);
}

/** `USER_DELETED`, with the user as it was. The deletion counts as a version. */
export function userDeleted(user: User, nowMs: number): DomainEvent {
  return userEvent('USER_DELETED', user, user.version + 1n, nowMs);
}

function userEvent(type: string, user: User, version: bigint, timeMs: number): DomainEvent {
  return userTopic.event({ type, timestamp: new Date(timeMs), userId: user.id, version, user: toProto(user) });
}
