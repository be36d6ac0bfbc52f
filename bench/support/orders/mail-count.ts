import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** Of each mail in a mailbox, and of nothing else: bodies are in base64. */
const mark = '\nMessage-ID: ';
const chunkBytes = 1 << 20;

/** Returns how many mails are in the mailboxes of a folder. It reads only what was appended since the last call. */
export function mailCounter(folder: string): () => number {
  const mailboxes = new Map<string, Mailbox>();
  return () => {
    for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.mbox'))) {
      const mailbox = mailboxes.get(name) ?? { offset: 0, mails: 0 };
      mailboxes.set(name, mailbox);
      readOn(join(folder, name), mailbox);
    }
    return mailboxes.values().reduce((sum, { mails }) => sum + mails, 0);
  };
}

interface Mailbox {
  /** Where the next look begins, in bytes. */
  offset: number;
  mails: number;
}

function readOn(path: string, mailbox: Mailbox): void {
  const buffer = Buffer.alloc(chunkBytes);
  const descriptor = openSync(path, 'r');
  try {
    for (let length = chunkBytes; length === chunkBytes; ) {
      length = readSync(descriptor, buffer, 0, chunkBytes, mailbox.offset);
      const end = buffer.subarray(0, length).lastIndexOf('\n');
      // A mark may be cut off at the end, so the last line is read again.
      if (end < 0) return;
      mailbox.mails += buffer.toString('latin1', 0, end).split(mark).length - 1;
      mailbox.offset += end;
    }
  } finally {
    closeSync(descriptor);
  }
}
