import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { readConfig } from '../../../config/config.ts';
import { type CapturedLog, captureLog } from '../../../testing/captured-log.ts';
import { type TempFolder, tempFolder } from '../../../testing/temp-folder.ts';
import { testService } from '../../../testing/test-service.ts';
import { startApp } from '../../start-app.ts';

/** Creates a service with a database of this name. */
export const keeps = (name: string) =>
  testService(name, async (runtime) => {
    const storage = await runtime.openStorage(name);
    await storage.migrate(name, [{ name: '0001-init', sql: 'CREATE TABLE note (id BIGINT PRIMARY KEY)' }]);
    return {};
  });

export const both = [keeps('order'), keeps('user')];

/** Matches the error of a start that refuses a database. */
export function refusal(database: string, fault: string) {
  return expect.objectContaining({
    reason: 'DATA_MISMATCH',
    message: expect.stringMatching(
      `^database ${database} .*${fault}.*: check first that DATABASE_URL.*restore.*manifest.json$`,
    ),
  });
}

/** Starts services on a data folder and reads what the starts log. Each test of this suite has a new folder. */
export function testStarts() {
  let folder: TempFolder;
  let data: string;
  let log: CapturedLog;

  beforeEach(async () => {
    folder = await tempFolder();
    data = join(folder.path, 'data');
    log = captureLog();
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  return {
    /** The parent of the data folder. */
    get folder() {
      return folder.path;
    },
    get data() {
      return data;
    },
    get log() {
      return log;
    },
    clearLog() {
      log = captureLog();
    },
    /** Starts and stops the services once. */
    async run(creators = both, dataDir = data, environment: Record<string, string> = {}): Promise<void> {
      const settings = { GRPC_LISTEN: '127.0.0.1:0', ...environment, DATA_DIR: dataDir };
      const app = await startApp(readConfig(settings), creators, log.logger);
      await app.stop();
    },
    file: (name: string, of = data) => join(of, `${name}.db`),
    adopted: () => log.lines.filter(({ msg }) => msg.startsWith('adopted')).map(({ database }) => database),
    withoutManifest: () => log.lines.filter(({ msg }) => msg.startsWith('data folder has no manifest.json')),
    warnings: () => log.lines.filter(({ level }) => level !== 'info'),
  };
}
