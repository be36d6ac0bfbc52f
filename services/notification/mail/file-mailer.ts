import { opendir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AgingClock, type Clock, everyHour, type Logger, makeFolder, warnOfOpenFolder } from '#mesh';
import { createMailboxes } from './mailboxes.ts';
import type { Mailer } from './mailer.ts';
import { toMboxEntry } from './mbox.ts';
import { formatMessage } from './message.ts';

// They share flushes. As many as sagas may run concurrently.
const concurrency = 200;

/** Marks a folder whose times are those of the aging clock. */
const markerName = '.aging';
const markerText = `The modification times of these mails are not times of day: they advance only while ordermesh runs.
MAIL_RETENTION_MS is compared with them. Without this file, all mails age from the next start on.
`;
// Between the clocks of processes that share a database, and between a purge and a mail that is sent meanwhile.
const sameClockMs = 60_000;

export interface FileMailerOptions {
  /** How long mails are kept, by the aging clock. */
  readonly retentionMs: number;
  readonly aging: AgingClock;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Appends each mail to the mailbox of its day in `folder` (`2026-11-30.mbox`, by UTC), durable when `send` resolves. A mail that
 * is sent again is there again, with the same Message-ID.
 * The folder is created now, for the owner alone, and whenever it is missing. Its parent is created only now: if that
 * is missing later, `send` throws UNAVAILABLE `MAIL_UNAVAILABLE`, because a new one would look like new data. The
 * modification time of a file is that of the aging clock, so a wrong clock removes none. Other times are replaced: a
 * mail of an earlier version, and one whose time is ahead, age from now on.
 */
export async function createFileMailer(
  folder: string,
  { retentionMs, aging, clock, logger }: FileMailerOptions,
): Promise<Mailer> {
  makeFolder(folder);
  warnOfOpenFolder(folder, logger);
  const mailboxes = createMailboxes(folder, { aging, clock });
  return {
    concurrency,
    async send(mail) {
      const date = new Date(clock.now());
      await mailboxes.append(toMboxEntry(formatMessage(mail, date), date));
    },
    purge: createPurge(folder, { retentionMs, aging, clock, logger }),
    close: () => mailboxes.close(),
  };
}

/** Removes old mails now and every hour, in the background. */
function createPurge(folder: string, { retentionMs, aging, clock, logger }: FileMailerOptions) {
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<void> | undefined;
  return {
    async start() {
      running = everyHour({
        run: async () => {
          await beginToAge(folder, aging.nowMs(), signal);
          await removeOld(folder, aging.nowMs(), retentionMs, signal);
        },
        onFailure: (error, again) => logger.warn({ err: error }, `removing old mails failed; retrying ${again}`),
        clock,
        signal,
      });
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Lets the mails of an earlier version, whose times are those of the machine's clock, age from now on. Once for a folder. */
async function beginToAge(folder: string, agedMs: number, signal: AbortSignal): Promise<void> {
  const marker = join(folder, markerName);
  if ((await stat(marker).catch(ignoreMissing)) !== undefined) return;
  for await (const { path } of mailsOf(folder)) {
    if (signal.aborted) return;
    await setTime(path, agedMs);
  }
  await writeFile(marker, markerText, { mode: 0o600 }).catch(ignoreMissing);
}

async function removeOld(folder: string, agedMs: number, retentionMs: number, signal: AbortSignal): Promise<void> {
  for await (const { path, timeMs } of mailsOf(folder)) {
    if (signal.aborted) return;
    if (timeMs < agedMs - retentionMs) await rm(path, { force: true });
    // The time of another clock: that of a newer database, or of a program that copied the file.
    else if (timeMs > agedMs + sameClockMs) await setTime(path, agedMs);
  }
}

/** The mailboxes, and the mails of earlier versions (`.eml`, and `.part` of unfinished ones). Others are not ours. */
const nameOfMails = /^\d{4}-\d\d-\d\d(-\d+)?\.mbox$|\.(eml|part)$/;

/** Yields the files of mails. Any may vanish at any time. */
async function* mailsOf(folder: string): AsyncGenerator<{ readonly path: string; readonly timeMs: number }> {
  const entries = await opendir(folder).catch(ignoreMissing);
  for await (const { name } of entries ?? []) {
    if (!nameOfMails.test(name)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(ignoreMissing);
    if (found !== undefined) yield { path, timeMs: found.mtimeMs };
  }
}

async function setTime(path: string, timeMs: number): Promise<void> {
  await utimes(path, timeMs / 1_000, timeMs / 1_000).catch(ignoreMissing);
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
