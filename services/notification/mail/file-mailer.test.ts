import { readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger, createTestClock, eventually, type TempFolder, type TestClock, tempFolder } from '#mesh/testing';
import { readMails } from '../../../test/support/mails.ts';
import { createFileMailer } from './file-mailer.ts';
import type { Mailer } from './mailer.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const startAgedMs = 1_000_000_000_000;

describe('the file mailer', () => {
  let parent: TempFolder;
  let folder: string;
  let clock: TestClock;
  let mailer: Mailer;

  beforeEach(async () => {
    parent = await tempFolder();
    folder = join(parent.path, 'mail', 'out');
    clock = createTestClock();
    const aging = { nowMs: () => startAgedMs + clock.elapsedMs() };
    mailer = await createFileMailer(folder, { retentionMs: 30 * dayMs, aging, clock, logger: createLogger('silent') });
  });
  afterEach(async () => {
    mailer.close();
    await parent[Symbol.asyncDispose]();
  });

  const waits = () => eventually(() => expect(clock.pendingMs()).toEqual([hourMs]));

  const mail = { id: 'mail-1', to: 'ada@example.com', subject: 'Hello', text: 'Hello Ada' };

  const sentIds = () => readMails(folder).map(({ id }) => id);

  it('appends the mails of a day to one mailbox, with the time in UTC', async () => {
    clock.shift(Date.UTC(2026, 10, 5, 23, 59, 58) - clock.now());
    await mailer.send(mail);
    await mailer.send({ ...mail, id: 'mail-2', to: 'tom@example.com' });
    clock.advance(2_000);
    await mailer.send({ ...mail, id: 'mail-3' });
    expect((await readdir(folder)).toSorted()).toEqual(['2026-11-05.mbox', '2026-11-06.mbox']);
    expect(sentIds()).toEqual(['mail-1', 'mail-2', 'mail-3']);
    const text = await readFile(join(folder, '2026-11-05.mbox'), 'utf8');
    expect(text.split('\n\n').at(2)).toMatch(
      /^From orders@ordermesh\.invalid Thu Nov {2}5 23:59:58 2026\nFrom: .*\nTo: tom@/,
    );
    expect(text).not.toContain('\r');
  });

  it('writes the mails that are sent at the same time as complete ones', async () => {
    const texts = Array.from({ length: 10 }, (_, index) => `From me\n\nFrom you\n${index}`.repeat(5_000));
    await Promise.all(texts.map((text) => mailer.send({ ...mail, text })));
    const bodies = readMails(folder).map(({ text }) => text.slice(text.indexOf('\n\n') + 2));
    expect(bodies).toEqual(texts);
  });

  it('shares its folder with other processes', async () => {
    const aging = { nowMs: () => startAgedMs };
    const options = { retentionMs: 30 * dayMs, aging, clock, logger: createLogger('silent') };
    const others = await Promise.all([1, 2, 3].map(() => createFileMailer(folder, options)));
    await Promise.all([mailer, ...others].map((each, index) => each.send({ ...mail, id: `mail-${index}` })));
    expect(await readdir(folder)).toHaveLength(4);
    expect(sentIds().toSorted()).toEqual(['mail-0', 'mail-1', 'mail-2', 'mail-3']);
  });

  it.each(['../../escaped', 'a/b', '..', 'x'.repeat(1_000), 'nul\0', '\uD800', ''])(
    'writes only into its mailbox with the id %j',
    async (id) => {
      await mailer.send({ ...mail, id });
      expect(await readdir(parent.path)).toEqual(['mail']);
      expect(await readdir(folder)).toEqual([expect.stringMatching(/^[0-9-]+\.mbox$/)]);
      expect(sentIds()).toEqual([expect.stringMatching(/^[a-z0-9-]+$/)]);
    },
  );

  it('removes mails after their retention, and nothing that is not a mail', async () => {
    await mailer.send(mail);
    for (const name of ['notes.txt', 'archive.mbox']) await writeFile(join(folder, name), 'mine');
    await utimes(join(folder, 'archive.mbox'), 1, 1);
    await mailer.purge?.start();
    await waits();
    // The machine's clock does not matter.
    clock.shift(365 * dayMs);
    clock.advance(29 * dayMs);
    await waits();
    await mailer.send({ ...mail, id: 'mail-2' });
    expect(sentIds()).toEqual(['mail-1', 'mail-2']);
    expect(await readdir(folder)).toHaveLength(5);
    clock.advance(dayMs + hourMs);
    await waits();
    expect(sentIds()).toEqual(['mail-2']);
    expect(await readdir(folder)).toEqual(expect.arrayContaining(['.aging', 'notes.txt', 'archive.mbox']));
    await rm(folder, { recursive: true });
    clock.advance(hourMs);
    await waits();
    await mailer.purge?.stop();
  });

  it.each([
    ['ten years behind it', -3650 * dayMs],
    ['ten years ahead of it', 3650 * dayMs],
  ])('lets a mail of an earlier version age from now on if its time is %s', async (_title, differenceMs) => {
    await writeMailOf(startAgedMs + differenceMs);
    await mailer.purge?.start();
    await waits();
    clock.advance(29 * dayMs);
    await waits();
    expect(await readdir(folder)).toContain('mail-0.eml');
    clock.advance(2 * dayMs);
    await waits();
    expect(await readdir(folder)).not.toContain('mail-0.eml');
    await mailer.purge?.stop();
  });

  it('lets a mail age from now on if its time is ahead', async () => {
    await mailer.purge?.start();
    await waits();
    await writeMailOf(startAgedMs + 3650 * dayMs);
    clock.advance(hourMs);
    await waits();
    clock.advance(31 * dayMs);
    await waits();
    expect(await readdir(folder)).toEqual(['.aging']);
    await mailer.purge?.stop();
  });

  async function writeMailOf(timeMs: number): Promise<void> {
    const path = join(folder, 'mail-0.eml');
    await writeFile(path, 'old');
    await utimes(path, timeMs / 1_000, timeMs / 1_000);
  }

  it('creates its folder again if it was removed', async () => {
    await mailer.send(mail);
    await rm(folder, { recursive: true });
    await mailer.send({ ...mail, id: 'mail-2' });
    expect(sentIds()).toEqual(['mail-2']);
  });

  it('does not create the parent folder again', async () => {
    await rm(join(parent.path, 'mail'), { recursive: true });
    await expect(mailer.send(mail)).rejects.toMatchObject({ reason: 'MAIL_UNAVAILABLE' });
    expect(await readdir(parent.path)).toEqual([]);
  });

  it('leaves nothing behind if it cannot write a mail, and sends it later', async () => {
    await rm(folder, { recursive: true });
    await writeFile(folder, 'a file in its place');
    await expect(mailer.send(mail)).rejects.toThrow('EEXIST');
    await rm(folder);
    await mailer.send(mail);
    expect(sentIds()).toEqual(['mail-1']);
  });

  it('sends the other mails if one of those that are sent at the same time is refused', async () => {
    const recipients = ['ada@example.com', 'nobody', 'tom@example.com'];
    const sent = await Promise.allSettled(
      recipients.map((to, index) => mailer.send({ ...mail, id: `mail-${index}`, to })),
    );
    expect(sent.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(sentIds()).toEqual(['mail-0', 'mail-2']);
  });
});
