import { type Clock, errorText, isFinalFailure, MeshError, publicTextOf, type Storage, type Task } from '#mesh';
import type { Mailer } from './mail/mailer.ts';
import type { MailJob } from './mail-job.ts';
import { isSent, recordAttempt } from './store.ts';
import { composeMail } from './template.ts';

/** Dependencies of `sendMail`. */
export interface SendMailDeps {
  readonly storage: Storage;
  readonly mailer: Mailer;
  readonly clock: Clock;
}

/** Sends the mail of a job, unless it is known to be sent, and records the attempt with its notification. */
export async function sendMail(job: MailJob, task: Task, { storage, mailer, clock }: SendMailDeps): Promise<void> {
  const record = (state: 'QUEUED' | 'SENT' | 'DEAD', lastError: string) =>
    storage.transaction(async (tx) => recordAttempt(tx, job.notificationId, { state, lastError, timeMs: clock.now() }));
  if (job.notificationId !== '' && (await isSent(storage, job.notificationId))) return;
  try {
    await mailer.send({ id: task.id, to: job.to, ...composeMail(job.template, job) });
  } catch (error) {
    await record(isFinalFailure(error, task) ? 'DEAD' : 'QUEUED', errorText(textForCallers(error)));
    throw error;
  }
  await record('SENT', '');
}

/** Callers see it with the notification. The log and the dead letter have the details. */
function textForCallers(error: unknown): string {
  return error instanceof MeshError ? publicTextOf(error) : 'mail could not be sent: see the log';
}
