import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger, createTestClock, eventually, type TempFolder, type TestClock, tempFolder } from '#mesh/testing';
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
  afterEach(() => parent[Symbol.asyncDispose]());

  const waits = () => eventually(() => expect(clock.pendingMs()).toEqual([hourMs]));

  const mail = { id: 'mail-1', to: 'ada@example.com', subject: 'Hello', text: 'Hello Ada' };

  it('writes a mail as one file, complete as soon as it exists', async () => {
    await mailer.send(mail);
    await mailer.send({ ...mail, id: 'mail-2', to: 'tom@example.com' });
    expect((await readdir(folder)).toSorted()).toEqual(['mail-1.eml', 'mail-2.eml']);
    expect(await readFile(join(folder, 'mail-2.eml'), 'utf8')).toContain('To: tom@example.com\r\n');
  });

  it('writes one file for one id, even if it sends the mail many times concurrently', async () => {
    const texts = Array.from({ length: 10 }, (_, index) => `${index}`.repeat(50_000));
    await Promise.all(texts.map((text) => mailer.send({ ...mail, text })));
    expect(await readdir(folder)).toEqual(['mail-1.eml']);
    const [, body = ''] = (await readFile(join(folder, 'mail-1.eml'), 'utf8')).split('\r\n\r\n');
    expect(texts).toContain(Buffer.from(body, 'base64').toString());
  });

  it.each(['../../escaped', 'a/b', '..', 'x'.repeat(1_000), 'nul\0', '\uD800', ''])(
    'writes only into its folder with the id %j',
    async (id) => {
      await mailer.send({ ...mail, id });
      expect(await readdir(parent.path)).toEqual(['mail']);
      expect(await readdir(folder)).toEqual([expect.stringMatching(/^[a-z0-9-]+\.eml$/)]);
    },
  );

  it('removes mails after their retention, and nothing that is not a mail', async () => {
    await mailer.send(mail);
    await writeFile(join(folder, 'notes.txt'), 'mine');
    await mailer.purge?.start();
    await waits();
    // The machine's clock does not matter.
    clock.shift(365 * dayMs);
    clock.advance(29 * dayMs);
    await waits();
    await mailer.send({ ...mail, id: 'mail-2' });
    expect((await readdir(folder)).toSorted()).toEqual(['.aging', 'mail-1.eml', 'mail-2.eml', 'notes.txt']);
    clock.advance(dayMs + hourMs);
    await waits();
    expect((await readdir(folder)).toSorted()).toEqual(['.aging', 'mail-2.eml', 'notes.txt']);
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
    await rm(folder, { recursive: true });
    await mailer.send(mail);
    expect(await readdir(folder)).toEqual(['mail-1.eml']);
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
    expect(await readdir(folder)).toEqual(['mail-1.eml']);
  });

  it('sends the other mails if one of those that it writes at the same time fails', async () => {
    await mkdir(join(folder, 'mail-2.eml'));
    const ids = ['mail-1', 'mail-2', 'mail-3'];
    const sent = await Promise.allSettled(ids.map((id) => mailer.send({ ...mail, id })));
    expect(sent.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((await readdir(folder)).toSorted()).toEqual(['mail-1.eml', 'mail-2.eml', 'mail-3.eml']);
  });
});
