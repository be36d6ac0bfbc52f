import { setImmediate } from 'node:timers/promises';
import { type AgingClock, type Clock, makeSubfolder } from '#mesh';
import { mailUnavailable } from '../errors.ts';
import { type Mailbox, openMailbox } from './mailbox.ts';

/** The mailboxes of one folder, one a day. */
export interface Mailboxes {
  /**
   * Appends an entry to the mailbox of today (UTC), and resolves when it is durable. Rejects with UNAVAILABLE `MAIL_UNAVAILABLE`
   * if the parent of the folder is missing.
   */
  append(entry: string): Promise<void>;
  /** Closes the file, after what is being written. */
  close(): void;
}

/** `clock` has the day of a mailbox, `aging` its modification time. */
export interface MailboxTime {
  readonly aging: AgingClock;
  readonly clock: Clock;
}

interface Waiting {
  readonly entry: string;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Writes the entries that wait at the same time with one write and one flush: all of them fail if that fails. Each process, and
 * each after a failure, or after somebody else has touched its file, writes to a file of its own. So processes share a folder
 * without locks, also one of another machine, and only mails of the last write to a file can be incomplete.
 */
export function createMailboxes(folder: string, { aging, clock }: MailboxTime): Mailboxes {
  let waiting: Waiting[] = [];
  let isWriting = false;
  let isClosed = false;
  let mailbox: Mailbox | undefined;

  async function writeWaiting(): Promise<void> {
    isWriting = true;
    // What else arrives in this turn shares the batch.
    await setImmediate();
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await writeBatch(batch);
    }
    isWriting = false;
    if (isClosed) release();
  }

  /** Settles all of a batch. Never rejects. */
  async function writeBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      mailbox = mailboxOf(new Date(clock.now()).toISOString().slice(0, 'yyyy-mm-dd'.length));
      await mailbox.append(batch.map(({ entry }) => entry).join(''), aging.nowMs());
      for (const { resolve } of batch) resolve();
    } catch (error) {
      release();
      for (const { reject } of batch) reject(error);
    }
  }

  function mailboxOf(day: string): Mailbox {
    if (mailbox?.day === day && mailbox.isUntouched()) return mailbox;
    release();
    makeAgain(folder);
    return openMailbox(folder, day);
  }

  function release(): void {
    const open = mailbox;
    mailbox = undefined;
    open?.close();
  }

  return {
    append: (entry) =>
      new Promise((resolve, reject) => {
        waiting.push({ entry, resolve, reject });
        if (!isWriting) void writeWaiting();
      }),
    close() {
      isClosed = true;
      if (!isWriting) release();
    },
  };
}

/** Creates the folder if it was removed. A new parent would look like new data. */
function makeAgain(folder: string): void {
  try {
    makeSubfolder(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw mailUnavailable({ problem: `the parent folder of ${folder} is missing` }, { cause: error });
  }
}
