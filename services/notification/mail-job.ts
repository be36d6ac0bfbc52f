import { defineQueue, type QueuedTask, undecodable } from '#mesh';
import { isId, type Notification } from './notification.ts';

/** A mail to send. Other programs may queue `{to, template}`; the rest is set for mails about an order. */
export interface MailJob {
  readonly to: string;
  readonly template: string;
  readonly name: string;
  readonly orderId: string;
  readonly message: string;
  /** Empty for jobs without a notification. */
  readonly notificationId: string;
}

/** The queue of mails to send. */
export const mailQueue = defineQueue<MailJob>('email-jobs', { toJSON: (job) => job, fromJSON: readJob });

/** Returns the task that sends a notification. It has the notification's id, so it is queued once. */
export function mailTask(
  notification: Notification,
  details: { readonly name: string; readonly message: string },
): QueuedTask {
  return mailQueue.task(notification.id, {
    to: notification.to,
    template: notification.template,
    name: details.name,
    orderId: notification.orderId,
    message: details.message,
    notificationId: notification.id,
  });
}

function readJob(json: object): MailJob {
  const fields: Readonly<Record<string, unknown>> = { ...json };
  const text = (name: string): string => {
    const value = fields[name] ?? '';
    if (typeof value !== 'string') throw unreadable(`${name} is not a string`);
    return value;
  };
  const job: MailJob = {
    to: text('to'),
    template: text('template'),
    name: text('name'),
    orderId: text('orderId'),
    message: text('message'),
    notificationId: text('notificationId'),
  };
  if (job.to === '' || job.template === '') throw unreadable('to or template is missing');
  if (job.notificationId !== '' && !isId(job.notificationId)) throw unreadable('notificationId is not a valid id');
  return job;
}

function unreadable(problem: string): Error {
  return undecodable({ thing: 'mail job', problem });
}
