import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../mesh/telemetry/clock.ts';
import { mailName } from './mail-name.ts';
import type { Mailer } from './mailer.ts';
import { formatMessage } from './message.ts';

/**
 * Puts each mail into `folder`, which it makes, as `<id>.eml`: whole, and on the disk under that name when `send` resolves.
 * The same mail again replaces itself.
 */
export async function createFileMailer(folder: string, clock: Clock): Promise<Mailer> {
  await mkdir(folder, { recursive: true });
  return {
    async send(mail) {
      const message = formatMessage(mail, new Date(clock.now()));
      const name = mailName(mail.id);
      // A name of its own: the same mail may be written twice at a time.
      const unfinished = join(folder, `${name}.${randomUUID()}.part`);
      try {
        await writeSynced(unfinished, message);
        await rename(unfinished, join(folder, `${name}.eml`));
      } catch (error) {
        await rm(unfinished, { force: true });
        throw error;
      }
      await syncFolder(folder);
    },
  };
}

async function writeSynced(path: string, text: string): Promise<void> {
  await using file = await open(path, 'wx');
  await file.writeFile(text);
  await file.sync();
}

/** A rename is kept by the folder, which has a sync of its own. */
async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}
