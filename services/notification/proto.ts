import { NotificationState, type Notification as ProtoNotification } from '#gen/notification/v1/notification.ts';
import type { Notification } from './notification.ts';

/** A notification as its contract has it. */
export function toProto({ createTimeMs, updateTimeMs, state, ...notification }: Notification): ProtoNotification {
  return {
    ...notification,
    state: NotificationState[`NOTIFICATION_STATE_${state}`],
    createTime: new Date(createTimeMs),
    updateTime: new Date(updateTimeMs),
  };
}
