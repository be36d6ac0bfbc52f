import { type Clock, errorText, isFinalFailure, type Storage, type Task } from '#mesh';
import type { Mailer } from './mail/mailer.ts';
import { type MailJob, readJob } from './mail-job.ts';
import { findNotification, recordTry } from './store.ts';
import { writeMail } from './template.ts';

/** What sending mail takes. */
export interface SendMailDeps {
  readonly storage: Storage;
  readonly mailer: Mailer;
  readonly clock: Clock;
}

/** Sends the mail of a task, unless it is known to be sent, and notes how that went on the notification behind it. */
export type SendMail = (task: Task) => Promise<void>;

export function createSendMail({ storage, mailer, clock }: SendMailDeps): SendMail {
  const note = (job: MailJob, state: 'QUEUED' | 'SENT' | 'DEAD', lastError: string) =>
    storage.transaction((tx) => recordTry(tx, job.notificationId, { state, lastError, timeMs: clock.now() }));
  return async (task) => {
    const job = readJob(task);
    if (await isSent(storage, job)) return;
    try {
      await mailer.send({ id: task.id, to: job.to, ...writeMail(job.template, job) });
    } catch (error) {
      await note(job, isFinalFailure(error, task) ? 'DEAD' : 'QUEUED', errorText(error));
      throw error;
    }
    await note(job, 'SENT', '');
  };
}

async function isSent(storage: Storage, job: MailJob): Promise<boolean> {
  if (job.notificationId === '') return false;
  const notification = await findNotification(storage, job.notificationId);
  return notification?.state === 'SENT';
}
