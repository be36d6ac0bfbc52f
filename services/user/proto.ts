import type { User as UserMessage } from '#gen/user/v1/user.ts';
import type { User } from './user.ts';

export function toProto(user: User): UserMessage {
  return {
    id: user.id,
    name: user.name,
    email: user.email,
    role: user.role,
    createTime: new Date(user.createTimeMs),
    updateTime: new Date(user.updateTimeMs),
    etag: user.version.toString(),
  };
}
