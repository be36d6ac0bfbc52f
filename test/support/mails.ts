import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A mail in a folder of mails. */
export interface StoredMail {
  readonly id: string;
  /** Its headers, an empty line, and its body, decoded. */
  readonly text: string;
}

/** What the mailboxes of a folder have. */
export interface StoredMails {
  readonly mails: readonly StoredMail[];
  /** Parts that are no complete mail: a power cut may leave those of the last write of a process. */
  readonly torn: readonly string[];
}

/** Reads the mailboxes of a folder, and the mails of versions that wrote a file `<id>.eml` for each. */
export function readMailFolder(folder: string): StoredMails {
  const mails: StoredMail[] = [];
  const torn: string[] = [];
  for (const entry of filesOf(folder).flatMap(entriesOf)) {
    const complete = completeEntry.exec(entry);
    const { id, headers, body } = complete?.groups ?? {};
    if (id !== undefined && body !== undefined) mails.push({ id, text: `${headers}\n${Buffer.from(body, 'base64')}` });
    const rest = entry.slice(complete?.[0].length ?? 0);
    if (rest !== '') torn.push(rest);
  }
  return { mails, torn };
}

/** Returns the complete mails of a folder. */
export function readMails(folder: string): readonly StoredMail[] {
  return readMailFolder(folder).mails;
}

/** Counts the mails of a folder without decoding them. One that is being written may count. */
export function countMails(folder: string): number {
  return filesOf(folder).reduce((sum, path) => sum + countIn(readFileSync(path)), 0);
}

/**
 * What is wrong with the mails of these ids in a folder, one line each: there must be one complete mail of each, and no torn one.
 * If a process was killed, there may be more of each, and torn ones.
 */
export function faultsOfMails(folder: string, ids: readonly string[], wasKilled: boolean): string[] {
  const { mails, torn } = readMailFolder(folder);
  const byId = Map.groupBy(mails, ({ id }) => id);
  const faults = ids.flatMap((id) => {
    const copies = byId.get(id)?.length ?? 0;
    return copies === 1 || (copies > 1 && wasKilled) ? [] : [`${copies} mails of ${id}`];
  });
  return wasKilled ? faults : faults.concat(torn.map((entry) => `torn mail ${entry}`));
}

/** A complete entry of a mailbox, for mails that a mail server took. */
export function mboxEntry(id: string): string {
  return `${fromLine}From: SMTP\nMessage-ID: <${id}@ordermesh.invalid>\nMIME-Version: 1.0\n\nbWFpbA==\n\n`;
}

const fromLine = 'From smtp@ordermesh.invalid Fri Jan  2 03:04:05 2026\n';

/** The beginning of an entry, which may have parts of a torn mail at its end. A body without text is an empty line. */
const completeEntry =
  /^From \S+@\S+ .+\n(?<headers>From: (?:.+\n)+Message-ID: <(?<id>.+)@ordermesh\.invalid>\n(?:.+\n)+)\n(?<body>\n|(?:[A-Za-z0-9+/=]+\n)+)\n+/;

function filesOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /\.(mbox|eml)$/.test(name))
    .map((name) => join(folder, name));
}

function entriesOf(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  return path.endsWith('.eml') ? [`${fromLine}${text.replaceAll('\r\n', '\n')}\n`] : text.split(/^(?=From )/m);
}

function countIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(idHeader); at >= 0; at = bytes.indexOf(idHeader, at + idHeader.length)) count += 1;
  return count;
}

const idHeader = '\nMessage-ID: ';
