import { randomUUID } from 'node:crypto';
import { mkdirSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, makeFolder } from '#mesh';
import { mailUnavailable } from '../errors.ts';
import { mailName } from './mail-name.ts';
import type { Mailer } from './mailer.ts';
import { formatMessage } from './message.ts';

// Each takes some turns of the event loop, which is busy when there is much to send: as many as sagas may be under way.
const concurrency = 200;

/**
 * Puts each mail into `folder`, which it makes, now and whenever it is gone, as `<id>.eml`: whole, and on the disk under
 * that name when `send` resolves. The same mail again replaces itself. The folder that it is in is made only now: when that
 * is gone, `send` fails with UNAVAILABLE `MAIL_UNAVAILABLE`, since a new one would look like data that begins again.
 */
export async function createFileMailer(folder: string, clock: Clock): Promise<Mailer> {
  makeFolder(folder);
  const syncNames = sharedSync(folder);
  return {
    concurrency,
    async send(mail) {
      makeAgain(folder);
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
      await syncNames();
    },
    close: () => undefined,
  };
}

function makeAgain(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw mailUnavailable({ problem: `the folder of ${folder} is gone` }, { cause: error });
    if (code !== 'EEXIST' || !statSync(folder).isDirectory()) throw error;
  }
}

async function writeSynced(path: string, text: string): Promise<void> {
  await using file = await open(path, 'wx');
  await file.writeFile(text);
  await file.sync();
}

/** Syncs a folder once for all who ask while the sync before is under way. */
function sharedSync(path: string): () => Promise<void> {
  let current: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    const begin = () => {
      next = undefined;
      current = syncFolder(path);
      return current;
    };
    next ??= current.then(begin, begin);
    return next;
  };
}

/** A rename is kept by the folder, which has a sync of its own. */
async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}
