import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TempFolder, tempFolder } from '../testing/temp-folder.ts';
import { ConfigError, readConfig } from './config.ts';
import { processSettings } from './process-settings.ts';
import { filesReadByOthers, withSettingFiles } from './setting-files.ts';

const settings = Object.values(processSettings);
const secret = 'amqp://me:s3cret@rabbitmq:5672';

let folder: TempFolder;

beforeEach(async () => {
  folder = await tempFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

/** The path of a new file with this content. */
async function file(content: string | Uint8Array, mode = 0o600): Promise<string> {
  const path = join(folder.path, 'secret');
  await writeFile(path, content, { mode });
  return path;
}

describe('a setting in a file', () => {
  it.each([
    [secret, secret],
    [`${secret}\n`, secret],
    [`${secret}\r\n`, secret],
    [`${secret}/a\n\n`, `${secret}/a\n`],
  ])('of %j is %j', async (content, value) => {
    expect(readConfig({ TASKS_URL_FILE: await file(content) }).tasksUrl).toBe(value);
  });

  it('counts for each setting that may hold a password', async () => {
    const TASKS_URL = 'amqp://me:s3cret@rabbitmq:5672';
    const values = { DATABASE_URL: 'postgres://a:s3cret@h/b', EVENTS_URL: 'kafka://a:s3cret@h:1', TASKS_URL };
    for (const [variable, value] of Object.entries(values)) {
      const path = await file(value);
      expect(Object.values(readConfig({ [`${variable}_FILE`]: path }))).toContain(value);
    }
    const discovery = await file('eureka://ada:s3cret@registry:8761');
    expect(readConfig({ DISCOVERY_URL_FILE: discovery }).discovery).toMatchObject({ user: { password: 's3cret' } });
  });

  it('does not count for others', async () => {
    expect(readConfig({ LOG_LEVEL_FILE: await file('debug') }).logLevel).toBe('info');
  });

  it('that is set together with the variable is refused', async () => {
    const read = async () => readConfig({ TASKS_URL: secret, TASKS_URL_FILE: await file(secret) });
    await expect(read()).rejects.toThrow(/^TASKS_URL_FILE is set, and so is TASKS_URL: set one of them$/);
  });

  it.each([
    ['empty', '', 'which is empty'],
    ['an empty line', '\n', 'which is empty'],
    ['too large', 'x'.repeat(65_537), 'which has more than 65536 bytes'],
    ['binary', new Uint8Array([0x61, 0xff, 0xfe]), 'which is not UTF-8 text'],
    ['with NUL', 'amqp://h\0', 'which is not a text file'],
  ])('that is %s is refused', async (_title, content, problem) => {
    const path = await file(content);
    expect(() => readConfig({ TASKS_URL_FILE: path })).toThrow(`TASKS_URL_FILE is ${JSON.stringify(path)}, ${problem}`);
  });

  it('that is missing, unreadable or not a file is refused', async () => {
    await mkdir(join(folder.path, 'folder'));
    const read = (path: string) => () => readConfig({ EVENTS_URL_FILE: path });
    expect(read('/missing/file')).toThrow(/^EVENTS_URL_FILE is "\/missing\/file", which cannot be read \(ENOENT\)$/);
    expect(read(join(folder.path, 'folder'))).toThrow(/which is not a file$/);
    const path = await file(secret, 0o000);
    if (process.getuid?.() !== 0) expect(read(path)).toThrow(/which cannot be read \(EACCES\)$/);
  });

  it.each([
    'postgres://u:s3cret@db/x',
    'password=s3cret',
    's3cret',
    '-----BEGIN EC PRIVATE KEY-----\ns3cret',
    `s3cret${'A'.repeat(58)}`,
  ])('is not shown if %j is the content in place of the path', (content) => {
    const read = () => readConfig({ DATABASE_URL_FILE: content });
    expect(read).toThrow(
      /^DATABASE_URL_FILE (?:has the content of a file|names a file, which cannot be read \(ENOENT\)$)/,
    );
    expect(read).not.toThrow(/s3cret/);
  });

  it.each(['DATABASE_URL', 'EVENTS_URL', 'TASKS_URL', 'DISCOVERY_URL'])(
    'with an invalid %s is refused without its content',
    async (variable) => {
      const environment = { [`${variable}_FILE`]: await file('s3cret://me:s3cret@s3cret') };
      expect(() => readConfig(environment)).toThrow(ConfigError);
      expect(() => readConfig(environment)).toThrow(new RegExp(`^${variable}_FILE names a file whose text must be `));
      expect(() => readConfig(environment)).not.toThrow(/s3cret/);
    },
  );
});

describe('withSettingFiles', () => {
  it('puts the values in place of the names of files', async () => {
    const given = { TASKS_URL_FILE: await file(secret), LOG_LEVEL: 'info' };
    expect(withSettingFiles(given, settings)).toEqual({ TASKS_URL: secret, LOG_LEVEL: 'info' });
    expect(() => withSettingFiles({ TASKS_URL_FILE: '/missing' }, settings)).toThrow(/^TASKS_URL_FILE is "\/missing"/);
  });
});

describe('filesReadByOthers', () => {
  it('names those that every user may read, and the command that ends it', async () => {
    const path = await file(secret);
    const environment = { TASKS_URL_FILE: path, EVENTS_URL_FILE: '/missing', TLS_KEY: path, TLS_CERT: path };
    expect(filesReadByOthers(environment, settings)).toEqual([]);
    await chmod(path, 0o644);
    expect(filesReadByOthers(environment, settings)).toEqual(
      expect.arrayContaining([`TASKS_URL_FILE: chmod o-r ${path}`, `TLS_KEY: chmod o-r ${path}`]),
    );
    expect(filesReadByOthers(environment, settings)).toHaveLength(2);
  });
});
