import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A mail in a folder of mails. */
export interface StoredMail {
  readonly id: string;
  /** Its headers, an empty line, and its body, decoded. */
  readonly text: string;
}

/** Returns the complete mails in the mailboxes of a folder: a power cut may leave an incomplete one at the end of each. */
export function readMails(folder: string): StoredMail[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.mbox'));
  return names.flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split(/^(?=From )/m)
      .flatMap((entry) => {
        const { id, headers, body } = completeEntry.exec(entry)?.groups ?? {};
        if (id === undefined || body === undefined) return [];
        return [{ id, text: `${headers}\n${Buffer.from(body, 'base64')}` }];
      }),
  );
}

/** A complete entry of a mailbox, for mails that a mail server took. */
export function mboxEntry(id: string): string {
  return `From smtp@ordermesh.invalid Fri Jan  2 03:04:05 2026\nFrom: SMTP\nMessage-ID: <${id}@ordermesh.invalid>\nMIME-Version: 1.0\n\nbWFpbA==\n\n`;
}

const completeEntry =
  /^From \S+@\S+ .+\n(?<headers>From: (?:.+\n)+Message-ID: <(?<id>.+)@ordermesh\.invalid>\n(?:.+\n)+)\n(?<body>(?:[A-Za-z0-9+/=]+\n)+)\n$/;
