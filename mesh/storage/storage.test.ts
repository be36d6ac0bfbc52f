import { describe, expect, it } from 'vitest';
import { describeOnEachDatabase } from '../testing/databases.ts';
import { openStorage } from './open.ts';
import { storageSuite } from './suite/storage.suite.ts';

describe('storage', () => {
  describeOnEachDatabase(storageSuite);

  it.each(['', 'data/user.db', 'mysql://localhost/user', 'sqlite:'])(
    'refuses the URL "%s" and names the valid schemes',
    async (url) => {
      await expect(openStorage(url)).rejects.toMatchObject({ reason: 'INVALID_STORAGE_URL' });
      await expect(openStorage(url)).rejects.toThrow('sqlite:<path>');
    },
  );
});
