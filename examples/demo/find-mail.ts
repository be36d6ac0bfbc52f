import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Notification } from '#gen/notification/v1/notification.ts';

/** The beginning of a mail, and its file. */
export interface FoundMail {
  readonly path: string;
  readonly lines: readonly string[];
}

const chunkBytes = 2 ** 20;
/** More than the headers of a mail have. */
const maxHeaderBytes = 8_192;
// A mail is recorded as sent after it is written, perhaps after midnight.
const recordingMs = 3_600_000;

/** Finds the first lines of a sent mail. Returns undefined if it is not on this machine, in this DATA_DIR. */
export async function findMail(mail: Notification, lineCount: number): Promise<FoundMail | undefined> {
  const folder = join(process.env.DATA_DIR || 'data', 'mail');
  for (const name of await readdir(folder).catch(() => [])) {
    if (!mayHave(name, mail)) continue;
    const path = join(folder, name);
    const reading = name.endsWith('.eml') ? readFile(path, 'utf8') : searchMailbox(path, mail.id);
    // It may have been removed meanwhile, or be readable by the mesh only.
    const text = await reading.catch(() => undefined);
    if (text !== undefined) return { path, lines: text.split(/\r?\n/, lineCount) };
  }
  return undefined;
}

/** Whether a file is of the day on which a mail was sent. An earlier version wrote a file for each mail. */
function mayHave(name: string, { id, updateTime }: Notification): boolean {
  const sentMs = updateTime?.getTime() ?? 0;
  const days = [sentMs, sentMs - recordingMs].map((ms) => new Date(ms).toISOString().slice(0, 'yyyy-mm-dd'.length));
  return name === `${id}.eml` || (name.endsWith('.mbox') && days.some((day) => name.startsWith(day)));
}

/** Returns the headers of a mail up to its Message-ID. A mailbox may be much larger than the memory. */
async function searchMailbox(path: string, id: string): Promise<string | undefined> {
  const wanted = `\nMessage-ID: <${id}@ordermesh.invalid>\n`;
  let last = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes })) {
    const read = Buffer.concat([last, chunk]);
    const end = read.indexOf(wanted);
    if (end >= 0) {
      const headers = read.subarray(0, end).toString();
      return headers.slice(headers.lastIndexOf('\nFrom: ') + 1);
    }
    last = read.subarray(-maxHeaderBytes);
  }
  return undefined;
}
