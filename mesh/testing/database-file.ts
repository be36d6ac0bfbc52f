import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach } from 'vitest';
import { type TempFolder, tempFolder } from './temp-folder.ts';

/** A SQLite file that one part of the runtime opens, a new one for each test. */
export interface TestDatabaseFile<Opened, Options> {
  readonly path: string;
  readonly folder: string;
  /** Opens the file, or opens it again. What it opens is closed after the test. */
  open(options?: Options): Promise<Opened>;
  close(): Promise<void>;
  /** Closes the file and changes it by SQL. */
  change(sql: string): Promise<void>;
}

/** Makes the file of the tests of this suite. */
export function testDatabaseFile<Opened extends { close(): Promise<void> }, Options>(
  name: string,
  openFile: (path: string, options: Options | undefined) => Promise<Opened>,
): TestDatabaseFile<Opened, Options> {
  let folder: TempFolder;
  let opened: Opened | undefined;
  const path = () => join(folder.path, name);
  const close = async () => {
    await opened?.close();
    opened = undefined;
  };

  beforeEach(async () => {
    folder = await tempFolder();
  });
  afterEach(async () => {
    await close();
    await folder[Symbol.asyncDispose]();
  });

  return {
    get path() {
      return path();
    },
    get folder() {
      return folder.path;
    },
    async open(options) {
      opened = await openFile(path(), options);
      return opened;
    },
    close,
    async change(sql) {
      await close();
      const database = new DatabaseSync(path());
      database.exec(sql);
      database.close();
    },
  };
}
