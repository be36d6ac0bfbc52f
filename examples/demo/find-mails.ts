import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Notification, NotificationState } from '#gen/notification/v1/notification.ts';
import type { Mesh } from '../support/mesh.ts';
import { patiently } from './patience.ts';

const longestWaitMs = 10_000;
const lookAgainMs = 100;

/** What the user is told of an order, once both mails that a completed one brings were sent, or 10 s are over. */
export async function findMails(mesh: Mesh, orderId: string): Promise<Notification[]> {
  const giveUpMs = Date.now() + longestWaitMs;
  for (;;) {
    const mails = await patiently(mesh, () => Array.fromAsync(mesh.notifications.listNotifications({ orderId })));
    const sent = mails.filter(({ state }) => state === NotificationState.NOTIFICATION_STATE_SENT);
    if (sent.length >= 2 || Date.now() > giveUpMs) return mails;
    await sleep(lookAgainMs);
  }
}

/** The file of a mail that was sent, as it lies in the data folder of a mesh on this machine. */
export function mailPath({ id }: Notification): string {
  return join(process.env.DATA_DIR || 'data', 'mail', `${id}.eml`);
}

/** The first lines of a mail; `undefined` when its file is not on this machine. */
export async function readMail(mail: Notification, lines: number): Promise<string[] | undefined> {
  try {
    const text = await readFile(mailPath(mail), 'utf8');
    return text.split(/\r?\n/, lines);
  } catch {
    return undefined;
  }
}
