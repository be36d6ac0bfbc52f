import { type NewTask, type Task, undecodable } from '#mesh';
import { isId, type Notification } from './notification.ts';

/** The queue that mail jobs go through. */
export const mailQueue = 'email-jobs';

/** A mail to send. Anyone may queue `{to, template}`; the rest is there when the job tells of an order. */
export interface MailJob {
  readonly to: string;
  readonly template: string;
  readonly name: string;
  readonly orderId: string;
  readonly message: string;
  /** Empty for jobs that no notification stands behind. */
  readonly notificationId: string;
}

/** The task of a notification: its id makes it one, however often it is queued. */
export function jobTask(
  notification: Notification,
  details: { readonly name: string; readonly message: string },
): NewTask {
  const job: MailJob = {
    to: notification.to,
    template: notification.template,
    name: details.name,
    orderId: notification.orderId,
    message: details.message,
    notificationId: notification.id,
  };
  return {
    id: notification.id,
    payload: Buffer.from(JSON.stringify(job)),
    headers: { 'content-type': 'application/json' },
  };
}

/** Reads a task's job. INVALID_ARGUMENT `UNDECODABLE` when it is none, which no repetition helps. */
export function readJob(task: Task): MailJob {
  const fields = parseObject(task.payload);
  const text = (name: string): string => {
    const value = fields[name] ?? '';
    if (typeof value !== 'string') throw undecodable({ thing: 'mail job', problem: `${name} is not a string` });
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
  if (job.to === '' || job.template === '')
    throw undecodable({ thing: 'mail job', problem: 'to or template is missing' });
  if (job.notificationId !== '' && !isId(job.notificationId))
    throw undecodable({ thing: 'mail job', problem: 'notificationId is not a valid id' });
  return job;
}

function parseObject(payload: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(payload).toString());
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw undecodable({ thing: 'mail job', problem: 'it is not a JSON object' });
}
