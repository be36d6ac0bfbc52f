import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../mesh/telemetry/clock.ts';
import type { Mailer } from './mailer.ts';
import { formatMessage } from './message.ts';

/** Puts each mail into `folder` as `<id>.eml`, whole and synced before it has that name; the same mail again replaces itself. */
export async function createFileMailer(folder: string, clock: Clock): Promise<Mailer> {
  await mkdir(folder, { recursive: true });
  return {
    async send(mail) {
      const message = formatMessage(mail, new Date(clock.now()));
      const path = join(folder, `${encodeURIComponent(mail.id)}.eml`);
      const unfinished = `${path}.part`;
      const file = await open(unfinished, 'w');
      try {
        await file.writeFile(message);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(unfinished, path);
    },
  };
}
