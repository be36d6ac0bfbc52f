import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { toMboxEntry } from '../../services/notification/mail/mbox.ts';
import { formatMessage } from '../../services/notification/mail/message.ts';
import { countMails, faultsOfMails, mboxEntry, readMailFolder, readMails } from './mails.ts';

describe('a folder of mails', () => {
  let folder: TempFolder;
  beforeEach(async () => {
    folder = await tempFolder();
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  const write = (name: string, text: string) => writeFile(join(folder.path, name), text);
  const date = new Date('2026-11-30T00:00:00Z');
  const mailOf = (id: string, text: string) =>
    formatMessage({ id, to: 'ada@example.com', subject: 'Hello', text }, date);
  const bodies = () => readMails(folder.path).map(({ text }) => text.slice(text.indexOf('\n\n') + 2));

  it('has the mails of any length', async () => {
    const texts = Array.from({ length: 121 }, (_, length) => 'x'.repeat(length));
    await write('1.mbox', texts.map((text, index) => toMboxEntry(mailOf(`mail-${index}`, text), date)).join(''));
    expect(readMailFolder(folder.path).torn).toEqual([]);
    expect(bodies()).toEqual(texts);
    expect(countMails(folder.path)).toBe(texts.length);
  });

  it('has the mails of earlier versions', async () => {
    await write('old.eml', mailOf('old', 'Hello'));
    await write('1.mbox', mboxEntry('new'));
    expect(readMails(folder.path).map(({ id }) => id)).toEqual(['new', 'old']);
    expect(bodies()).toEqual(['mail', 'Hello']);
    expect(countMails(folder.path)).toBe(2);
  });

  it('has no mail that is cut off anywhere, and the one after it', async () => {
    const text = toMboxEntry(mailOf('torn', 'x'.repeat(100)), date);
    const lengths = Array.from({ length: text.length - 2 }, (_, index) => index + 1);
    const torn = lengths.map((length) => text.slice(0, length).replace(/\n?$/, '\n'));
    await write('1.mbox', torn.map((entry, index) => `${entry}${mboxEntry(`whole-${index}`)}`).join(''));
    const found = readMailFolder(folder.path);
    expect(found.mails.map(({ id }) => id)).toEqual(lengths.map((_, index) => `whole-${index}`));
    expect(found.torn).toEqual(torn);
    await write('1.mbox', `${mboxEntry('one')}\0\0`);
    expect(readMailFolder(folder.path)).toMatchObject({ mails: [{ id: 'one' }], torn: ['\0\0'] });
  });

  it('has one mail of each id, and more only after a kill', async () => {
    await write('1.mbox', ['one', 'two', 'two'].map(mboxEntry).join(''));
    const ids = ['one', 'two', 'three'];
    expect(faultsOfMails(folder.path, ids, false)).toEqual(['2 mails of two', '0 mails of three']);
    expect(faultsOfMails(folder.path, ids, true)).toEqual(['0 mails of three']);
    await write('2.mbox', 'From the');
    expect(faultsOfMails(folder.path, ['one'], false)).toEqual(['torn mail From the']);
    expect(faultsOfMails(folder.path, ['one'], true)).toEqual([]);
  });
});
