import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { Notification } from '#gen/notification/v1/notification.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { mboxEntry } from '../../test/support/mails.ts';
import { findMail } from './find-mail.ts';

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await tempFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  vi.stubEnv('DATA_DIR', folder.path);
  await mkdir(join(folder.path, 'mail'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder.path, 'mail', name), text);
  return join(folder.path, 'mail');
}

afterEach(() => vi.unstubAllEnvs());

const sent = (id: string) => Notification.fromPartial({ id, updateTime: new Date('2026-11-30T00:00:01Z') });

it('finds a mail in a mailbox of many megabytes, wherever it is', async () => {
  const ids = Array.from({ length: 20_000 }, (_, index) => `mail-${index}`);
  const folder = await folderWith({ '2026-11-30.mbox': ids.map(mboxEntry).join('') });
  for (const id of ids.filter((_, index) => index % 97 === 0).concat(ids.slice(-1))) {
    expect(await findMail(sent(id), 4)).toEqual({ path: join(folder, '2026-11-30.mbox'), lines: ['From: SMTP'] });
  }
});

it('passes over files that cannot be read', async () => {
  const folder = await folderWith({ '2026-11-30-2.mbox': mboxEntry('mail-1') });
  await mkdir(join(folder, '2026-11-30.mbox'));
  await mkdir(join(folder, 'mail-2.eml'));
  expect(await findMail(sent('mail-1'), 4)).toMatchObject({ path: join(folder, '2026-11-30-2.mbox') });
  expect(await findMail(sent('mail-2'), 4)).toBeUndefined();
});

it('finds a mail that was sent before midnight, and that of an earlier version', async () => {
  const folder = await folderWith({
    '2026-11-29-2.mbox': mboxEntry('late'),
    '2026-11-28.mbox': mboxEntry('old'),
    'earlier.eml': 'From: before\r\nTo: ada\r\n\r\nHello\r\n',
  });
  expect(await findMail(sent('late'), 4)).toMatchObject({ path: join(folder, '2026-11-29-2.mbox') });
  expect(await findMail(sent('earlier'), 2)).toMatchObject({ lines: ['From: before', 'To: ada'] });
  expect(await findMail(sent('old'), 4)).toBeUndefined();
  expect(await findMail(sent('none'), 4)).toBeUndefined();
});
