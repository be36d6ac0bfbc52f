import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnEachDatabase } from '../testing/databases.ts';
import { type TempFolder, tempFolder } from '../testing/temp-folder.ts';
import { openStorage } from './open.ts';
import { afterCommitSuite } from './suite/after-commit.ts';
import { commitGroupSuite } from './suite/commit-groups.ts';
import { concurrencySuite } from './suite/concurrency.ts';
import { exclusiveUrls } from './suite/fixture.ts';
import { lifeSuite } from './suite/life.ts';
import { signalSuite } from './suite/signals.ts';
import { storageSuite } from './suite/storage.suite.ts';
import { transactionSuite } from './suite/transactions.ts';

describe('storage', () => {
  describeOnEachDatabase(storageSuite);

  // How services open it.
  describe('in a SQLite file of this process alone', () => {
    let folder: TempFolder;
    beforeAll(async () => {
      folder = await tempFolder();
    });
    afterAll(() => folder[Symbol.asyncDispose]());
    const newUrl = () => {
      const url = `sqlite:${join(folder.path, `${randomUUID()}.db`)}`;
      exclusiveUrls.add(url);
      return url;
    };
    for (const suite of [
      transactionSuite,
      concurrencySuite,
      commitGroupSuite,
      afterCommitSuite,
      signalSuite,
      lifeSuite,
    ]) {
      suite(newUrl);
    }
  });

  it.each(['', 'data/user.db', 'mysql://localhost/user', 'sqlite:'])(
    'refuses the URL "%s" and names the valid schemes',
    async (url) => {
      await expect(openStorage(url)).rejects.toMatchObject({ reason: 'INVALID_STORAGE_URL' });
      await expect(openStorage(url)).rejects.toThrow('sqlite:<path>');
    },
  );
});
